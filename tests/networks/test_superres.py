"""Super-resolution networks: the paper's table, SRCNN's layers, and what all promise."""

import pytest
import torch
from torch import nn

from impasto.errors import OptionError
from impasto.networks.bicubic import enlarge
from impasto.networks.superres import (
    SRCNN,
    PaperSuperResNetwork,
    SuperResConfig,
    build_superres_network,
)
from impasto.plans.rewrite import data_of

CONFIGS = [
    *(SuperResConfig(factor=factor, width=0.25, blocks=2) for factor in (1, 2, 3, 4, 8)),
    SuperResConfig(factor=2, width=0.25, blocks=1, shrink=2),
    SuperResConfig(factor=1, width=0.25, blocks=1, shrink=4),
    *(SuperResConfig(architecture="paper", factor=factor, width=0.25) for factor in (2, 4, 8)),
    *(SuperResConfig(architecture="srcnn-9-1-5", factor=factor) for factor in (2, 3)),
    SuperResConfig(architecture="srcnn-9-5-5", factor=4),
]


def _shown(config: SuperResConfig) -> str:
    return f"{config.architecture} x{config.factor} shrink {config.shrink}"


def _awake(network: nn.Module) -> nn.Module:
    """Random everywhere: the networks begin as bicubic, which would hide their reach."""
    chance = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=chance) * 0.1 + 0.02)
    return network.eval()


# Supplementary material, table 2: 3 x 72 x 72 in at factor 4, 3 x 36 x 36 at factor 8.
@pytest.mark.parametrize(("factor", "side", "ups"), [(4, 72, [144, 288]), (8, 36, [72, 144, 288])])
def test_every_shape_of_the_papers_network_is_the_tables(
    factor: int, side: int, ups: list[int]
) -> None:
    network = PaperSuperResNetwork(factor).eval()
    shapes: list[tuple[int, ...]] = []
    for child in network.layers:
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d) or len(list(child.children())):
            child.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    with torch.no_grad():
        output = network(torch.rand(1, 3, side, side))
    up_shapes = [(64, px, px) for px in ups]
    assert shapes == [(64, side, side)] * 5 + up_shapes + [(3, 288, 288)]
    assert output.shape == (1, 3, 288, 288)
    assert 0 <= float(output.min()) <= float(output.max()) <= 1


def test_the_papers_parameters_counted_by_hand() -> None:
    convolutions = (
        (3 * 81 * 64 + 64) + 8 * (64 * 9 * 64 + 64) + 2 * (64 * 9 * 64 + 64) + (64 * 81 * 3 + 3)
    )
    norms = 2 * 64 * (1 + 8 + 2)
    network = PaperSuperResNetwork(4)
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms


def test_a_residual_block_may_be_negative() -> None:
    block = PaperSuperResNetwork(4, width=0.25).layers[3].eval()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        output = block(torch.full((1, 16, 4, 4), -1.0))
    assert torch.equal(output, torch.full((1, 16, 4, 4), -1.0))  # a ReLU would give 0


@pytest.mark.parametrize(("middle", "parameters"), [(1, 8_129), (5, 57_281)])
def test_srcnn_has_the_published_size(middle: int, parameters: int) -> None:
    """8,032 and 57,184 weights, as the authors count them, and 97 biases."""
    network = SRCNN(4, middle=middle)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("config", CONFIGS, ids=_shown)
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (5, 3), (16, 13)])
def test_any_size_comes_out_enlarged_by_the_factor(
    config: SuperResConfig, size_hw: tuple[int, int]
) -> None:
    network = build_superres_network(config).eval()
    with torch.no_grad():
        output = network(torch.rand(2, 3, *size_hw))
    assert output.shape == (2, 3, size_hw[0] * config.factor, size_hw[1] * config.factor)


@pytest.mark.parametrize(
    "config", [config for config in CONFIGS if config.architecture != "paper"], ids=_shown
)
def test_an_untrained_network_enlarges_bicubically(config: SuperResConfig) -> None:
    image = torch.rand(1, 3, 9, 11)
    with torch.no_grad():
        output = build_superres_network(config)(image)
    wanted = enlarge(image, config.factor)
    if config.architecture.startswith("srcnn"):  # its ReLUs cut off the luma's overshoots
        assert float((output - wanted).abs().mean()) < 2e-3
    else:
        assert torch.equal(output, wanted)


@pytest.mark.parametrize("config", CONFIGS, ids=_shown)
def test_no_pixel_depends_on_samples_beyond_the_radius(config: SuperResConfig) -> None:
    """And one within the radius does matter, so the radius is not generous by much."""
    network = _awake(build_superres_network(config))
    radius, factor = data_of(network).radius_px, config.factor
    side = 2 * radius + 9
    side += -side % config.shrink
    middle = side // 2
    image = torch.rand(1, 3, side, side, requires_grad=True)
    place = middle * factor + factor // 2
    network(image)[..., place, place].sum().backward()
    assert image.grad is not None
    touched = image.grad.abs().sum((0, 1)).nonzero()
    reach = int((touched - middle).abs().max())
    assert reach <= radius
    assert reach >= radius - config.shrink - 1


def test_more_channels_inform_but_are_not_shown() -> None:
    network = build_superres_network(SuperResConfig(factor=1, width=0.25, blocks=1, in_channels=4))
    image = torch.rand(1, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(network(image), image[:, :3])


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "vdsr"},
        {"factor": 5},
        {"factor": 3, "architecture": "paper"},
        {"factor": 1, "architecture": "paper"},
        {"width": 0.0},
        {"width": float("nan")},
        {"blocks": 0},
        {"shrink": 3},
        {"in_channels": 5},
        {"shrink": 2, "architecture": "paper"},
    ],
)
def test_a_network_that_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        SuperResConfig(**options)
