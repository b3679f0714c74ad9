"""Small pictures, and a loss network small enough to be exact with."""

import math

import pytest
import torch
from torch import Tensor

from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import LossNetwork, Provenance, Stage, StagedLossNetwork


def _convolution(generator: torch.Generator, ins: int, outs: int) -> ConvRelu:
    weight = torch.randn(outs, ins, 3, 3, generator=generator) * math.sqrt(2 / (9 * ins))
    return ConvRelu(weight, 0.1 * torch.randn(outs, generator=generator), mode="reflect")


@pytest.fixture
def tiny_loss_network() -> LossNetwork:
    """Three blocks of a VGG with a few channels: relu1_1, relu1_2, relu2_1, relu3_1."""
    generator = torch.Generator().manual_seed(11)
    stages = [
        Stage(_convolution(generator, 3, 5), "relu1_1"),
        Stage(_convolution(generator, 5, 5), "relu1_2"),
        Stage(Pool()),
        Stage(_convolution(generator, 5, 7), "relu2_1"),
        Stage(Pool()),
        Stage(_convolution(generator, 7, 9), "relu3_1"),
    ]
    provenance = Provenance(
        name="tiny", weights_hash="0", source="random", license="none", redistributable=True
    )
    return StagedLossNetwork(stages, (0.5, 0.5, 0.5), provenance)


def smooth(seed: int, height: int, width: int) -> Tensor:
    """A picture of soft blots, (1, 3, height, width) in [0, 1]."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(
        coarse, (height, width), mode="bicubic", align_corners=True
    ).clamp(0, 1)


@pytest.fixture
def photo() -> Tensor:
    return smooth(1, 40, 48)


@pytest.fixture
def painting() -> Tensor:
    noise = torch.rand(1, 3, 36, 44, generator=torch.Generator().manual_seed(9))
    return (0.5 * smooth(2, 36, 44) + 0.5 * noise).clamp(0, 1)
