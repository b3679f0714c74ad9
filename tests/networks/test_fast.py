"""The fast network: sizes, equality with a plain re-statement in PyTorch, and its config."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.networks import FastStyleNetwork, StyleNetworkConfig, build_style_network


def _network(blocks: int = 2) -> FastStyleNetwork:
    torch.manual_seed(1)
    network = FastStyleNetwork(0.25, blocks)
    for name, parameter in network.named_parameters():
        if "norm" in name:  # as after training: norms that are not the identity
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
    return network


def _plain(network: FastStyleNetwork, image: Tensor) -> Tensor:
    """In stock functions: strided convolutions, blocks, nearest resize, pixel shuffle."""
    weights = network.state_dict()

    def layer(name: str, x: Tensor, *, stride: int = 1, relu: bool = True) -> Tensor:
        kernel = weights[f"{name}.conv.weight"]
        x = F.pad(x, (kernel.shape[-1] // 2,) * 4, mode="reflect")
        x = F.conv2d(x, kernel, stride=stride)
        x = F.instance_norm(
            x, weight=weights[f"{name}.norm.weight"], bias=weights[f"{name}.norm.bias"]
        )
        return x.relu() if relu else x

    x = layer("layers.1", layer("layers.0", image * 2 - 1, stride=2), stride=2)
    for block in (2, 3):
        inner = layer(f"layers.{block}.first", x)
        x = x + layer(f"layers.{block}.second", inner, relu=False)
    x = F.interpolate(F.conv2d(x, weights["layers.4.weight"]), scale_factor=2, mode="nearest")
    x = F.pad(layer("layers.5", x), (2,) * 4, mode="reflect")
    x = F.conv2d(x, weights["layers.6.conv.weight"], weights["layers.6.conv.bias"])
    return F.pixel_shuffle(x, 2).tanh() * 0.55 + 0.5


def test_output_equals_the_plan_written_in_stock_functions() -> None:
    network = _network().double()
    image = torch.rand(2, 3, 40, 24, dtype=torch.float64)
    expected = _plain(network, image)
    assert torch.allclose(network(image), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 33), (7, 18), (30, 33), (16, 16)])
def test_output_has_the_images_size(size_hw: tuple[int, int]) -> None:
    output = _network()(torch.rand(1, 3, *size_hw))
    assert output.shape[-2:] == size_hw
    assert output.min() >= -0.05
    assert output.max() <= 1.05


def test_no_map_between_first_and_last_layer_has_the_images_resolution() -> None:
    network = _network()
    sides: list[int] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: sides.append(output.shape[-1]))
    network(torch.rand(1, 3, 64, 64))
    assert max(sides) == 32


def test_half_width_with_three_blocks_has_two_thirds_of_the_full_networks_weights() -> None:
    fast, full = (
        sum(parameter.numel() for parameter in build_style_network(config).parameters())
        for config in (
            StyleNetworkConfig(architecture="fast", blocks=3),
            StyleNetworkConfig(architecture="modern"),
        )
    )
    assert 0.6 < fast / full < 0.67


def test_every_network_but_the_papers_takes_any_number_of_blocks() -> None:
    for architecture in ("modern", "fast"):
        config = StyleNetworkConfig(architecture=architecture, width=0.125, blocks=2)  # type: ignore[arg-type]
        names = build_style_network(config).state_dict()
        assert sum(name.endswith("second.conv.weight") for name in names) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "fast", "blocks": 0},
        {"architecture": "modern", "blocks": 17},
        {"architecture": "paper", "blocks": 3},
        {"architecture": "fast", "norm": "batch"},
    ],
)
def test_what_an_architecture_does_not_have_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=r"blocks|norm"):
        StyleNetworkConfig(**options)  # type: ignore[arg-type]
