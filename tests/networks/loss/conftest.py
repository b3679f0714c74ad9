"""Random weights for the loss networks."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.networks.loss.architectures import ARCHITECTURES
from impasto.networks.loss.weight_file import WeightFile


@pytest.fixture(scope="session")
def random_file() -> Callable[..., WeightFile]:
    """Make a weights file (in memory) of random values that keep activations of order one."""

    def make(
        architecture: str,
        *,
        first_scale: float = 1.0,
        until: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> WeightFile:
        generator = torch.Generator().manual_seed(len(architecture))
        tensors: dict[str, Tensor] = {}
        for prefix, shape in ARCHITECTURES[architecture].shapes().items():
            scale = math.sqrt(2 / math.prod(shape[1:])) * (first_scale if not tensors else 1.0)
            tensors[f"{prefix}.weight"] = scale * torch.randn(shape, generator=generator)
            tensors[f"{prefix}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
            if prefix == until:
                break
        return WeightFile(path=Path("random"), tensors=tensors, metadata=metadata or {})

    return make
