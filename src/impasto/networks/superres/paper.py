"""The super-resolution network of the paper's supplementary material, table 2, to the letter."""

import math
from typing import cast

from torch import Tensor, nn

from impasto.networks.scaled_tanh import scaled_tanh

FILTERS = 64
RESIDUAL_BLOCKS = 4


class NormedResidualBlock(nn.Module):
    """conv-BN-ReLU-conv-BN plus the input; no ReLU after the addition (paper, 3.1)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.body(features))


class PaperSuperResNetwork(nn.Module):
    """c9s1-64, R64 x4, u64 x log2(factor), c9s1-3, scaled tanh; filters times `width`.

    (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor) in [0, 1]; 3 x 72 x 72 -> 3 x 288 x 288
    at factor 4, 3 x 36 x 36 -> 3 x 288 x 288 at factor 8. `factor` is a power of two, 2 or more.
    """

    def __init__(self, factor: int, *, width: float = 1.0) -> None:
        super().__init__()
        filters = round(FILTERS * width)
        doublings = int(math.log2(factor))
        self.factor = factor
        self.layers = nn.Sequential(
            nn.Conv2d(3, filters, 9, padding=4),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            *(NormedResidualBlock(filters) for _ in range(RESIDUAL_BLOCKS)),
            *(layer for _ in range(doublings) for layer in _up(filters)),
            nn.Conv2d(filters, 3, 9, padding=4),
        )
        # first convolution, residual ones, then 1 + 1/2 + ... and 4/factor at finer grids
        self.radius_px = 4 + 2 * RESIDUAL_BLOCKS + 2 + math.ceil(4 / factor)

    def forward(self, low_res: Tensor) -> Tensor:
        return scaled_tanh(cast(Tensor, self.layers(low_res * 2 - 1)))


def _up(filters: int) -> list[nn.Module]:
    """Stride 1/2: a transposed 3x3 convolution that exactly doubles each side."""
    conv = nn.ConvTranspose2d(filters, filters, 3, 2, padding=1, output_padding=1)
    return [conv, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
