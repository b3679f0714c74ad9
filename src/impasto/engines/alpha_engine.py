"""Alpha through a super-resolution network: outlines as sharp as the picture's, without stairs."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from impasto.engines.tile_runner import Pixels, TileWork
from impasto.media.samples import bands

if TYPE_CHECKING:
    from impasto.engines.tile_engine import TileEngine

# An outline without half-transparent pixels is softened first (standard deviation in pixels), for
# its stairs are what a network would make sharp, and steepened again afterwards. Chosen by eye and
# by the distance to outlines drawn at four times the size, where it halves that of the network
# alone and is below the bicubic enlargement's.
SOFTNESS_PX = 0.7
STEEPNESS = 2.0
_SOFT_RADIUS_PX = math.ceil(4 * SOFTNESS_PX)
_HARD_SHARE = 0.1


class AlphaEngine(TileWork):
    """Tiles (1, 1, h, w) of alpha -> (1, 1, h * factor, w * factor), in [0, 1]; as a TileEngine.

    The network sees alpha as a grey picture. Its output is kept between the least and the greatest
    alpha around each pixel: so no halos, and what is all around opaque or transparent stays so.
    `hard`: there are no half-transparent pixels along the outlines, see `is_hard`. Colours are not
    matched.
    """

    def __init__(self, engine: "TileEngine", *, hard: bool) -> None:
        self.engine, self.hard, self.options = engine, hard, engine.options

    @property
    def radius_px(self) -> int:
        """How far an output pixel sees, in low-resolution pixels."""
        return self.engine.radius_px + (_SOFT_RADIUS_PX if self.hard else 0)

    @property
    def factor(self) -> int:
        """The engine's, as all that follows."""
        return self.engine.factor

    @property
    def multiple(self) -> int:
        return self.engine.multiple

    @property
    def tile_px(self) -> int:
        return self.engine.tile_px

    @property
    def fixed_sizes(self) -> bool:
        return self.engine.fixed_sizes

    def __call__(self, tile: Pixels) -> Pixels:
        """As the class says."""
        factor = self.factor
        height, width = tile.shape[-2:]
        if tile.min() == tile.max():
            return np.full((1, 1, height * factor, width * factor), tile.flat[0], np.float32)
        if self.hard:
            tile = _softened(tile)
        gray = np.repeat(tile, self.engine.channels, axis=1)
        output: Pixels = self.engine(gray, match=False).mean(1, keepdims=True)
        output = np.minimum(output, _enlarged(_greatest(tile), factor))
        output = np.maximum(output, _enlarged(-_greatest(-tile), factor))
        if self.hard:
            output = np.clip((output - 0.5) * STEEPNESS + 0.5, 0, 1)
        return output


def is_hard(see: Callable[[int, int], Pixels], size_hw: tuple[int, int]) -> bool:
    """Whether the outlines in an alpha have next to no half-transparent pixels.

    see: gives rows [top, bottom) of it, (1, 1, h, W).
    """
    edges = between = 0
    for top, bottom in bands(size_hw):
        rows = see(top, bottom)
        edge = _greatest(rows) + _greatest(-rows) > 0.5
        edges += int(edge.sum())
        between += int((edge & (rows > 0.1) & (rows < 0.9)).sum())
    return edges > 0 and between < _HARD_SHARE * edges


def _greatest(pixels: Pixels) -> Pixels:
    """The greatest of each pixel and the eight around it."""
    for axis in (2, 3):
        padded = np.pad(pixels, [(1, 1) if each == axis else (0, 0) for each in range(4)], "edge")
        parts = (np.take(padded, range(at, at + pixels.shape[axis]), axis) for at in range(3))
        first, second, third = parts
        pixels = np.maximum(np.maximum(first, second), third)
    return pixels


def _softened(alpha: Pixels) -> Pixels:
    """Gaussian blur; the border is repeated."""
    position = np.arange(-_SOFT_RADIUS_PX, _SOFT_RADIUS_PX + 1)
    kernel = np.exp(-(position**2) / (2 * SOFTNESS_PX**2))
    kernel /= kernel.sum()
    for axis in (2, 3):
        around = [(_SOFT_RADIUS_PX,) * 2 if each == axis else (0, 0) for each in range(4)]
        padded, size = np.pad(alpha, around, "edge"), alpha.shape[axis]
        parts = (
            np.float32(weight) * np.take(padded, range(at, at + size), axis)
            for at, weight in enumerate(kernel)
        )
        alpha = np.add.reduce(list(parts))
    return alpha


def _enlarged(pixels: Pixels, factor: int) -> Pixels:
    """Every pixel `factor` times, in both directions."""
    return pixels.repeat(factor, axis=2).repeat(factor, axis=3)
