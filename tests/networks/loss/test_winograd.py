import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from impasto.networks.loss import winograd
from impasto.networks.loss.blocks import ConvRelu
from impasto.networks.loss.winograd import (
    pays,
    pytorch_convolutions,
    transform_filters,
    winograd_convolution,
)

# (images, channels, filters, height, width): sides that are and are not multiples of the tile's 4,
# smaller than a tile, and so many that they go in several chunks, by rows and by images
SHAPES = [
    (1, 3, 5, 8, 8),
    (2, 4, 3, 9, 14),
    (1, 2, 6, 3, 5),
    (1, 4, 2, 61, 47),
    (9, 3, 3, 10, 11),
]


def _double(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_the_direct_convolution(
    shape: tuple[int, ...], padding: int, memory_format: torch.memory_format
) -> None:
    count, channels, filters, height, width = shape
    features = _double(count, channels, height, width).contiguous(memory_format=memory_format)
    features.requires_grad_(True)
    weight, bias = _double(filters, channels, 3, 3), _double(filters)
    expected = F.conv2d(features, weight, bias, padding=padding)
    found = winograd_convolution(features, transform_filters(weight), bias, padding=padding)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    incoming = torch.randn_like(expected)
    (gradient,) = torch.autograd.grad(found, features, incoming)
    (direct,) = torch.autograd.grad(expected, features, incoming)
    torch.testing.assert_close(gradient, direct, rtol=1e-11, atol=1e-11)
    assert found.is_contiguous(memory_format=torch.channels_last)


# PyTorch's own forward mode says so of itself
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_differentiable_twice_forwards_and_over_batches() -> None:
    features = _double(1, 2, 5, 6).requires_grad_(True)
    filters, bias = transform_filters(_double(3, 2, 3, 3)), _double(3)

    def convolution(features: Tensor) -> Tensor:
        return winograd_convolution(features, filters, bias)

    assert gradcheck(convolution, features, check_forward_ad=True)
    assert gradgradcheck(lambda features: convolution(features).pow(3), features)
    jacobian = torch.func.jacrev(convolution)(features)
    torch.testing.assert_close(jacobian, torch.func.jacfwd(convolution)(features))
    many = _double(4, 2, 2, 7, 5)
    found = torch.vmap(convolution, in_dims=1)(many)
    expected = torch.stack([convolution(many[:, index]) for index in range(2)])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", [0, 1])
def test_several_gradients_at_once_in_the_older_way(padding: int) -> None:
    filters = transform_filters(_double(3, 2, 3, 3))

    def convolution(features: Tensor) -> Tensor:
        return winograd_convolution(features, filters, padding=padding).square()

    features = _double(1, 2, 6, 9)
    at_once = torch.autograd.functional.jacobian(convolution, features, vectorize=True)  # type: ignore[no-untyped-call]
    one_by_one = torch.autograd.functional.jacobian(convolution, features)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(at_once, one_by_one, rtol=1e-12, atol=1e-12)


def test_float32_errs_in_the_sixth_digit() -> None:
    features, weight = torch.randn(1, 256, 32, 32).relu(), torch.randn(256, 256, 3, 3) / 48
    exact = F.conv2d(features.double(), weight.double(), padding=1)
    found = winograd_convolution(features, transform_filters(weight))
    error = (found - exact).abs() / exact.square().mean().sqrt()
    assert float(error.square().mean().sqrt()) < 4e-6
    assert float(error.max()) < 1e-4


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes that went through Winograd's convolution."""
    shapes: list[tuple[int, ...]] = []
    plain = winograd.winograd_convolution

    def count(features: Tensor, *rest: object, **named: object) -> Tensor:
        shapes.append(tuple(features.shape))
        return plain(features, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(winograd, "winograd_convolution", count)
    return shapes


def _block(mode: str = "zeros") -> ConvRelu:
    return ConvRelu(torch.randn(128, 64, 3, 3) / 24, torch.randn(128), mode=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_a_loss_networks_layer_takes_it(mode: str, counted: list[tuple[int, ...]]) -> None:
    block = _block(mode)
    features = torch.randn(2, 64, 18, 17, requires_grad=True)
    found = block(features)
    assert len(counted) == 1
    stock = block.convolution
    padded = F.pad(features, (1, 1, 1, 1), mode="reflect" if mode == "reflect" else "constant")
    expected = F.relu(F.conv2d(padded.double(), stock.weight.double(), stock.bias.double()))
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_what_was_made_in_an_evaluation_serves_a_training() -> None:
    block = _block()
    with torch.inference_mode():
        block(torch.randn(1, 64, 16, 16))
    features = torch.randn(1, 64, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(features).sum(), features)
    assert bool(gradient.isfinite().all())


def test_other_weights_are_transformed_again(counted: list[tuple[int, ...]]) -> None:
    block = _block()
    features = torch.randn(1, 64, 16, 16)
    before = block(features)
    other = copy.deepcopy(block)
    with torch.no_grad():
        block.convolution.weight.mul_(2)
        block.convolution.bias.mul_(2)  # type: ignore[union-attr]
    torch.testing.assert_close(block(features), 2 * before)
    torch.testing.assert_close(other(features), before)
    block.convolution.weight = nn.Parameter(block.convolution.weight / 2, requires_grad=False)
    block.convolution.bias = nn.Parameter(block.convolution.bias / 2, requires_grad=False)  # type: ignore[operator]
    torch.testing.assert_close(block(features), before)
    assert len(counted) == 4


def test_where_it_does_not_pay_or_cannot_be_the_direct_one_runs(
    counted: list[tuple[int, ...]],
) -> None:
    weight, features = torch.randn(128, 64, 3, 3), torch.randn(1, 64, 16, 16)
    assert pays(features, weight, 1)
    assert not pays(features, weight.clone().requires_grad_(True), 1)
    assert not pays(features[..., :12, :12], weight, 1)  # nine tiles
    assert pays(torch.randn(2, 64, 12, 12), weight, 1)
    assert not pays(features, weight[:32], 1)  # too few filters
    assert not pays(features.double(), weight.double(), 1)
    assert not pays(features, weight[..., :1, :1], 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert not pays(features, weight, 1)
    with pytorch_convolutions():
        assert not pays(features, weight, 1)
    assert pays(features, weight, 1)
    block = _block()
    with pytorch_convolutions():
        torch.testing.assert_close(block(features), F.relu(block.convolution(features)))
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(features), F.relu(block.convolution(features)))
    assert not counted
