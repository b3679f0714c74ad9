"""A loss network small enough to differentiate numerically."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn


class TinyNetwork(nn.Module):
    """Three convolutions with smooth activations; notes what it is asked for."""

    layer_names = ("shallow", "middle.1", "deep")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, 4, 3, padding=1),
                nn.Conv2d(4, 5, 3, stride=2, padding=1),
                nn.Conv2d(5, 6, 3, padding=1),
            ]
        )
        for parameter in self.parameters():
            parameter.data.normal_(std=0.5, generator=generator)
        self.calls: list[tuple[str, ...]] = []

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        self.calls.append(tuple(layers))
        features: dict[str, Tensor] = {}
        for name, convolution in zip(self.layer_names, self.convolutions, strict=True):
            image = nn.functional.softplus(convolution(image))
            features[name] = image
        return {layer: features[layer] for layer in layers}


@pytest.fixture
def tiny_network() -> TinyNetwork:
    return TinyNetwork().double()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)
