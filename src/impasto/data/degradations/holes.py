"""Holes to fill: irregular masks as in Liu et al., arXiv 1804.07723."""

import math
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor

from impasto.data.degradations.degradation import (
    Range,
    check_range,
    each_picture,
    low_res_size,
    to_8_bits,
)
from impasto.media.resizing import imresize

HOLE_COLOR = 0.5  # mid-grey: the same for every picture, and the network's own zero
# The article sorts its masks by the share of the picture that is missing: above the first number
# of a bin, up to the second.
AREA_BINS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))
# Of a stroke, thin ones as often as thick ones. In pixels, so that holes are as large in a
# training's patches as in a whole photo; and a share of a small picture's short side at most, so
# that a dab covers 2 % of a square and a mask does not jump over its bin.
STROKE_RADIUS_PX = (1.0, 12.0)
STROKE_RADIUS_SHARE = 0.08
STROKE_DABS = (8, 60)
TURN = 0.35  # standard deviation of a stroke's change of direction from dab to dab, radians


@dataclass(frozen=True)
class Holes:
    """Random strokes cut out: 4 channels, the picture with its holes in mid-grey and the mask.

    **The mask is 1 where the picture is missing** and 0 where it is known, as what one paints over
    an unwanted thing, and as `impasto.losses.hole_tv` takes it. (The article's is the opposite.)
    The share that is missing is drawn from the article's bins within `area`, each bin as often as
    the others; it may pass the drawn value by one dab of the brush, 2 % of a square picture at
    most. The article's masks are outlines of moving objects in films; ours are thin and thick
    strokes that wander. A factor above 1 reduces the picture (bicubic) first.
    """

    area: Range = (0.01, 0.4)
    name = "holes"
    random = True
    channels = 4

    def __post_init__(self) -> None:
        check_range("area", self.area, least=0.0, greatest=0.9)

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """As Degradation."""
        small = to_8_bits(imresize(high_res, low_res_size(high_res, factor)))
        return each_picture(small, chance, self._holed)

    def _holed(self, picture: Tensor, chance: Random) -> Tensor:
        size_hw = (picture.shape[-2], picture.shape[-1])
        mask = hole_mask(size_hw, draw_area(self.area, chance), chance).to(picture)
        return torch.cat([with_holes(picture, mask), mask], dim=1)


def with_holes(picture: Tensor, mask: Tensor) -> Tensor:
    """(N, 3, H, W) with mid-grey where the (N, 1, H, W) mask, of zeros and ones, is 1."""
    return picture * (1 - mask) + HOLE_COLOR * mask


def draw_area(area: Range, chance: Random) -> float:
    """A share of missing pixels: one of the article's bins within `area`, then evenly in it."""
    low, high = area
    bins = [(max(low, a), min(high, b)) for a, b in AREA_BINS if max(low, a) < min(high, b)]
    return chance.uniform(*chance.choice(bins or [area]))


def hole_mask(size_hw: tuple[int, int], area: float, chance: Random) -> Tensor:
    """(1, 1, H, W) of zeros and ones: wandering strokes over `area` of it, plus a dab at most."""
    height, width = size_hw
    mask = np.zeros(size_hw, np.bool_)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    wanted = area * height * width
    thin, thick = STROKE_RADIUS_PX
    thick = max(thin, min(thick, STROKE_RADIUS_SHARE * min(size_hw)))
    missing = 0
    while missing < wanted:
        radius = thin * (thick / thin) ** chance.random()
        x, y = chance.uniform(0, width - 1), chance.uniform(0, height - 1)
        angle = chance.uniform(0, math.tau)
        for _ in range(chance.randint(*STROKE_DABS)):
            top, left = max(0, int(y - radius)), max(0, int(x - radius))
            around = (slice(top, int(y + radius) + 2), slice(left, int(x + radius) + 2))
            dab = (rows[around[0]] - y) ** 2 + (columns[around[1]] - x) ** 2 <= radius**2
            missing += int((dab & ~mask[around]).sum())
            mask[around] |= dab
            angle += chance.gauss(0, TURN)
            x += radius * math.cos(angle)
            y += radius * math.sin(angle)
            if missing >= wanted or not (0 <= x < width and 0 <= y < height):
                break
    return torch.from_numpy(mask)[None, None].float()
