"""Feature reconstruction against hand-made cases, NumPy and numerical derivatives."""

import math

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import LossWeights, PerceptualLoss, content_loss, unit_feature_loss
from impasto.losses.content import mean_squares


def test_content_loss_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    target = torch.tensor([[[[1.0, 0.0]], [[3.0, 7.0]]]])
    assert content_loss(features, target).item() == (4 + 9) / 4


def test_content_loss_agrees_with_numpy() -> None:
    features, target = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64).unbind()
    wanted = ((features.numpy() - target.numpy()) ** 2).sum() / (4 * 5 * 6) / 3
    np.testing.assert_allclose(content_loss(features, target).item(), wanted, rtol=1e-12)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("target_batch", [1, 2])
def test_content_loss_derivatives_pass_gradcheck(
    memory_format: torch.memory_format, target_batch: int
) -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=memory_format)
    target = torch.randn(target_batch, 3, 4, 5, dtype=torch.float64)
    pair = (features.requires_grad_(), target.requires_grad_())
    assert torch.autograd.gradcheck(content_loss, pair)
    assert torch.autograd.gradgradcheck(content_loss, pair)


def test_content_loss_is_zero_at_identity_with_zero_gradient() -> None:
    features = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = content_loss(features, features.detach().clone())
    (gradient,) = torch.autograd.grad(loss, features)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(features))


def test_content_loss_grows_with_the_square_of_both() -> None:
    features, target = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        content_loss(5 * features, 5 * target), 25 * content_loss(features, target)
    )


def test_content_loss_of_a_batch_is_the_mean_of_its_items() -> None:
    features, target = torch.randn(2, 3, 2, 4, 4, dtype=torch.float64).unbind()
    singles = [content_loss(features[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(content_loss(features, target), torch.stack(singles).mean())


@pytest.mark.parametrize("target_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("target_batch", [1, 2])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bfloat16_features_are_added_up_in_float32_whatever_the_memory_formats(
    memory_format: torch.memory_format, target_batch: int, target_format: torch.memory_format
) -> None:
    features = (torch.randn(2, 20, 65, 60) * 300).bfloat16()
    features = features.contiguous(memory_format=memory_format).requires_grad_()
    target = (torch.randn(target_batch, 20, 65, 60) * 300).bfloat16()
    target = target.contiguous(memory_format=target_format)
    loss = content_loss(features, target)
    (gradient,) = torch.autograd.grad(loss, features)
    exact = (features.detach().double() - target.double()).square().mean()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.detach().double(), exact, rtol=2e-5, atol=0)
    wanted = 2 * (features.detach().double() - target.double()) / features.numel()
    assert ((gradient - wanted).norm() / wanted.norm()).item() < 3e-3
    assert gradient.is_contiguous(memory_format=memory_format)


def test_mean_squares_of_each_item_by_hand() -> None:
    features = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(2, 1, 1, 2)
    assert torch.equal(mean_squares(features), torch.tensor([2.5, 12.5]))
    assert torch.equal(mean_squares(features.bfloat16()), torch.tensor([2.5, 12.5]))


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (1, 2, 4, 4), (3, 3, 4, 4), (3, 4, 4)])
def test_a_target_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="wanted"):
        content_loss(torch.zeros(2, 3, 4, 4), torch.zeros(shape))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gradient_in_half_precision_on_a_gpu() -> None:
    features, target = torch.randn(2, 3, 16, 20, 30).bfloat16().cuda()
    (gradient,) = torch.autograd.grad(content_loss(features.requires_grad_(), target), features)
    exact = features.detach().double().requires_grad_()
    (reference,) = torch.autograd.grad(content_loss(exact, target.double()), exact)
    torch.testing.assert_close(gradient.double(), reference, rtol=2e-2, atol=1e-7)


def _direction_map(*vector: float) -> torch.Tensor:
    return torch.tensor(vector, dtype=torch.float64).reshape(1, -1, 1, 1).expand(1, -1, 3, 4)


@pytest.mark.parametrize("degrees", [0, 60, 90, 180])
def test_the_distance_of_directions_is_two_minus_two_cosines(degrees: float) -> None:
    angle = math.radians(degrees)
    loss = unit_feature_loss(
        _direction_map(3.0, 0.0), _direction_map(5 * math.cos(angle), 5 * math.sin(angle))
    )
    assert float(loss) == pytest.approx(2 - 2 * math.cos(angle), abs=1e-8)


def test_channel_weights_are_lpips_heads() -> None:
    """Unit vectors (1, 0) and (0, 1): each channel differs by 1."""
    loss = unit_feature_loss(
        _direction_map(1.0, 0.0), _direction_map(0.0, 1.0), torch.tensor([0.25, 3.0])
    )
    assert float(loss) == pytest.approx(3.25, abs=1e-8)


def test_the_gradient_of_directions_is_right_and_finite_at_zero() -> None:
    features = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: unit_feature_loss(x, target), features)
    empty = torch.zeros(1, 3, 2, 2, requires_grad=True)
    unit_feature_loss(empty, target.float()).backward()
    assert empty.grad is not None
    assert torch.isfinite(empty.grad).all()


class _Brightness(torch.nn.Module):
    layer_names = ("one", "two")

    def forward(self, image: torch.Tensor, layers: list[str]) -> dict[str, torch.Tensor]:
        return {layer: image * (1 if layer == "one" else -1) for layer in layers}


def test_layers_are_weighted_and_the_target_gets_no_gradient() -> None:
    loss = PerceptualLoss(
        _Brightness(),
        content_layers={"one": 1.0, "two": 0.5},
        weights=LossWeights(style=0, tv=0),
        content="unit",
    )
    output = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    target = torch.tensor([0.0, 2.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    value = loss(output, target)
    assert float(value.detach()) == pytest.approx(3.0)
    value.backward()
    assert target.grad is None
