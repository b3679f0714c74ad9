"""The paper network against the supplementary material's table 1."""

import pytest
import torch
from torch import nn

from impasto.errors import OptionError
from impasto.networks import PaperStyleNetwork, StyleNetworkConfig, build_style_network

# Table 1 of the supplementary material for a 3 x 256 x 256 image, padding by 40 first.
SHAPES = [
    (32, 336, 336),
    (64, 168, 168),
    (128, 84, 84),
    (128, 80, 80),
    (128, 76, 76),
    (128, 72, 72),
    (128, 68, 68),
    (128, 64, 64),
    (64, 128, 128),
    (32, 256, 256),
    (3, 256, 256),
]


def _block_outputs(network: PaperStyleNetwork, image: torch.Tensor) -> list[tuple[int, ...]]:
    """Shapes after each line of the table: every outer ReLU, residual block, and the last conv."""
    shapes: list[tuple[int, ...]] = []
    children = list(network.layers)
    for position, child in enumerate(children):
        ends_line = isinstance(child, nn.ReLU) or position == len(children) - 1
        if ends_line or type(child).__name__ == "CroppedResidualBlock":
            child.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    with torch.no_grad():
        network(image)
    return shapes


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_every_intermediate_shape_is_the_tables(norm: str) -> None:
    network = PaperStyleNetwork(1.0, norm)
    assert _block_outputs(network, torch.rand(1, 3, 256, 256)) == SHAPES


def test_parameters_are_the_tables_filters_counted_by_hand() -> None:
    convolutions = (
        (3 * 81 * 32 + 32)
        + (32 * 9 * 64 + 64)
        + (64 * 9 * 128 + 128)
        + 10 * (128 * 9 * 128 + 128)
        + (128 * 9 * 64 + 64)
        + (64 * 9 * 32 + 32)
        + (32 * 81 * 3 + 3)
    )
    norms = 2 * (32 + 64 + 128 + 10 * 128 + 64 + 32)
    network = PaperStyleNetwork()
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms


def test_no_relu_follows_the_addition_of_a_residual_block() -> None:
    torch.manual_seed(0)
    block = next(m for m in PaperStyleNetwork(0.25).layers if hasattr(m, "body"))
    assert (block(torch.randn(1, 32, 12, 12)) < 0).any()


def test_residual_skip_is_cropped_by_two_on_each_side() -> None:
    block = next(m for m in PaperStyleNetwork(0.25).layers if hasattr(m, "body"))
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(1, 32, 12, 14)
    assert torch.equal(block(features), features[..., 2:-2, 2:-2])


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (5, 2), (17, 31), (64, 64), (66, 41)])
def test_output_has_the_size_of_the_input_and_lies_in_the_unit_range(
    size_hw: tuple[int, int],
) -> None:
    network = PaperStyleNetwork(0.25).eval()
    image = torch.rand(2, 3, *size_hw)
    with torch.no_grad():
        output = network(image)
    assert output.shape == image.shape
    assert 0 <= float(output.min()) <= float(output.max()) <= 1


def test_batch_norm_learns_running_statistics_and_instance_norm_has_none() -> None:
    names = PaperStyleNetwork(0.25, "batch").state_dict()
    assert any(name.endswith("running_mean") for name in names)
    names = PaperStyleNetwork(0.25, "instance").state_dict()
    assert not any(name.endswith("running_mean") for name in names)


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "postmodern"},
        {"norm": "layer"},
        {"width": 0.0},
        {"width": float("nan")},
        {"width": 100.0},
        {"architecture": "modern", "norm": "batch"},
    ],
)
def test_a_config_that_makes_no_network_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        StyleNetworkConfig(**options)  # type: ignore[arg-type]


def test_config_builds_the_architecture_that_it_names() -> None:
    config = StyleNetworkConfig(architecture="paper", width=0.25, norm="batch")
    assert isinstance(build_style_network(config), PaperStyleNetwork)
