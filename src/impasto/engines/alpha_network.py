"""Alpha through a super-resolution network: outlines as sharp as the picture's, without stairs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.engines.tile_network import TileNetwork
from impasto.media.samples import bands

# An outline without half-transparent pixels is softened first (standard deviation in pixels), for
# its stairs are what a network would make sharp, and steepened again afterwards. Chosen by eye and
# by the distance to outlines drawn at four times the size, where it halves that of the network
# alone and is below the bicubic enlargement's.
SOFTNESS_PX = 0.7
STEEPNESS = 2.0
_SOFT_RADIUS_PX = math.ceil(4 * SOFTNESS_PX)
_HARD_SHARE = 0.1


@dataclass(kw_only=True)
class AlphaNetwork:
    """Tiles (1, 1, h, w) of alpha -> (1, 1, h * factor, w * factor), in [0, 1].

    The network sees alpha as a grey picture. Its output is kept between the least and the greatest
    alpha around each pixel: so no halos, and what is all around opaque or transparent stays so.
    `hard`: there are no half-transparent pixels along the outlines, see `is_hard`.
    """

    network: TileNetwork
    hard: bool

    @property
    def radius_px(self) -> int:
        """How far an output pixel sees, in low-resolution pixels."""
        return self.network.radius_px + (_SOFT_RADIUS_PX if self.hard else 0)

    @property
    def multiple(self) -> int:
        """Tiles must start at multiples of this."""
        return self.network.multiple

    def __call__(self, tile: Tensor) -> Tensor:
        """As the class says."""
        factor = self.network.model.factor
        height, width = tile.shape[-2:]
        low, high = tile.aminmax()
        if low == high:
            return tile[..., :1, :1].expand(-1, -1, height * factor, width * factor)
        if self.hard:
            tile = _softened(tile)
        output = self.network(tile.expand(-1, 3, -1, -1)).mean(1, keepdim=True)
        tile = tile.to(output.device)
        least, greatest = -F.max_pool2d(-tile, 3, 1, 1), F.max_pool2d(tile, 3, 1, 1)
        output = torch.minimum(output, F.interpolate(greatest, scale_factor=factor))
        output = torch.maximum(output, F.interpolate(least, scale_factor=factor))
        return ((output - 0.5) * STEEPNESS + 0.5).clamp(0, 1) if self.hard else output


def is_hard(
    see: Callable[[int, int], Tensor],
    size_hw: tuple[int, int],
) -> bool:
    """Whether the outlines in an alpha have next to no half-transparent pixels.

    see: gives rows [top, bottom) of it, (1, 1, h, W).
    """
    edges = between = 0
    for top, bottom in bands(size_hw):
        rows = see(top, bottom)
        spread = F.max_pool2d(rows, 3, 1, 1) + F.max_pool2d(-rows, 3, 1, 1)
        edge = spread > 0.5
        edges += int(edge.sum())
        between += int((edge & (rows > 0.1) & (rows < 0.9)).sum())
    return edges > 0 and between < _HARD_SHARE * edges


def _softened(alpha: Tensor) -> Tensor:
    """Gaussian blur; the border is repeated."""
    position = torch.arange(-_SOFT_RADIUS_PX, _SOFT_RADIUS_PX + 1, device=alpha.device)
    kernel = torch.exp(-(position**2) / (2 * SOFTNESS_PX**2)).to(alpha)
    kernel /= kernel.sum()
    padded = F.pad(alpha, (_SOFT_RADIUS_PX,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(across, kernel.view(1, 1, -1, 1))
