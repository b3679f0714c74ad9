"""The modern network: sizes, plan, and equality with a plain re-statement in PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks import ModernStyleNetwork
from impasto.networks.modern import ConvLayer, ResidualBlock


def _plain(network: ModernStyleNetwork, image: Tensor) -> Tensor:
    """The plan in stock functions: nearest resize, reflection pad, instance norm."""

    def layer(conv_layer: ConvLayer, x: Tensor) -> Tensor:
        if conv_layer.upsample > 1:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        size = conv_layer.conv.kernel_size[0] // 2
        x = F.pad(x, (size,) * 4, mode="reflect")
        x = F.conv2d(x, conv_layer.conv.weight, conv_layer.conv.bias, conv_layer.conv.stride)
        if conv_layer.norm is not None:
            norm = conv_layer.norm
            x = F.instance_norm(x, weight=norm.weight, bias=norm.bias, eps=1e-5)
        return x.relu() if conv_layer.relu else x

    x = image * 2 - 1
    for block in network.layers:
        if isinstance(block, ResidualBlock):
            x = x + layer(block.second, layer(block.first, x))
        else:
            assert isinstance(block, ConvLayer)
            x = layer(block, x)
    return x.tanh() * 0.55 + 0.5


def _network(width: float = 0.25) -> ModernStyleNetwork:
    torch.manual_seed(1)
    network = ModernStyleNetwork(width)
    for name, parameter in network.named_parameters():
        if "norm" in name:  # as after training: norms that are not the identity
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
    return network


@pytest.mark.parametrize("channels_last", [False, True])
def test_output_equals_the_plan_written_in_stock_functions(channels_last: bool) -> None:
    network = _network().double()
    image = torch.rand(2, 3, 40, 24, dtype=torch.float64)
    expected = _plain(network, image)
    if channels_last:
        network, image = (
            network.to(memory_format=torch.channels_last),
            image.contiguous(memory_format=torch.channels_last),
        )
    assert torch.allclose(network(image), expected, rtol=0, atol=1e-10)


def test_gradients_equal_those_of_the_plan_written_in_stock_functions() -> None:
    network = _network().double().to(memory_format=torch.channels_last)
    image = torch.rand(2, 3, 32, 24, dtype=torch.float64)
    image = image.contiguous(memory_format=torch.channels_last)
    probe = torch.randn_like(image)
    parameters = list(network.parameters())
    got = torch.autograd.grad((network(image) * probe).sum(), parameters)
    wanted = torch.autograd.grad((_plain(network, image) * probe).sum(), parameters)
    for one, other in zip(got, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "size_hw", [(1, 1), (1, 7), (3, 2), (8, 8), (15, 17), (64, 64), (65, 66), (31, 128)]
)
def test_output_size_equals_input_size(size_hw: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size_hw)
    with torch.no_grad():
        output = _network()(image)
    assert output.shape == image.shape
    assert torch.isfinite(output).all()


@pytest.mark.parametrize(("width", "filters"), [(1.0, 32), (0.5, 16), (0.25, 8)])
def test_width_scales_every_number_of_filters(width: float, filters: int) -> None:
    network = ModernStyleNetwork(width)
    convolutions = [m.conv for m in network.modules() if isinstance(m, ConvLayer)]
    counts = [conv.out_channels for conv in convolutions]
    assert counts == [filters * k for k in [1, 2, 4, *[4] * 10, 2, 1]] + [3]


def test_images_of_a_batch_do_not_influence_each_other() -> None:
    network = _network()
    images = torch.rand(3, 3, 24, 32)
    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


def test_pure_black_and_white_are_within_reach() -> None:
    network = _network()
    last = network.layers[-1]
    assert isinstance(last, ConvLayer)
    assert last.conv.bias is not None
    with torch.no_grad():
        last.conv.weight.zero_()
        for bias, bound in ((3.0, 1.0), (-3.0, 0.0)):
            last.conv.bias.fill_(bias)
            output = network(torch.rand(1, 3, 16, 16)).clamp(0, 1)
            assert torch.equal(output, torch.full_like(output, bound))


def test_autocast_to_bfloat16_stays_close_to_float32() -> None:
    network = _network().to(memory_format=torch.channels_last)
    image = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        exact = network(image)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(image)
    assert rounded.dtype == torch.float32
    assert float((exact - rounded).abs().mean()) < 0.02
