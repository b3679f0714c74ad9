"""Resizing a picture that is read by rows, a band of the result at a time.

The same numbers as `resize`, whose filter PyTorch does not give a way to start in the middle of.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from impasto.media.resizing import resize

_A = -0.5  # Keys' bicubic, as Pillow's
_SUPPORT = 2.0


def resampled_rows(
    see: Callable[[int, int], Tensor],
    size_hw: tuple[int, int],
    wanted_hw: tuple[int, int],
    top: int,
    bottom: int,
) -> Tensor:
    """Rows [top, bottom) of a picture of `size_hw` resized to `wanted_hw`: (1, C, h, W) in [0, 1].

    Antialiased bicubic. see: gives rows [start, stop) of the picture, (1, C, stop - start, w).
    """
    first, weights = row_weights(size_hw[0], wanted_hw[0], top, bottom)
    rows = see(first, first + weights.shape[1])
    tall = torch.einsum("oi,nciw->ncow", weights, rows)
    if wanted_hw[1] != size_hw[1]:
        shape = (bottom - top, wanted_hw[1])
        tall = resize(tall, shape)  # height unchanged: only the columns are filtered
    return tall.clamp_(0, 1)


def row_weights(size: int, wanted: int, top: int, bottom: int) -> tuple[int, Tensor]:
    """Which row is the first that rows [top, bottom) are made of, and the weights, (o, i)."""
    scale = size / wanted
    stretch = max(scale, 1.0)
    centers = (torch.arange(top, bottom, dtype=torch.float64) + 0.5) * scale
    first = max(0, math.floor(float(centers[0]) - _SUPPORT * stretch + 0.5))
    last = min(size, math.floor(float(centers[-1]) + _SUPPORT * stretch + 0.5))
    places = torch.arange(first, max(last, first + 1), dtype=torch.float64) + 0.5
    weights = _keys((places[None] - centers[:, None]) / stretch)
    return first, (weights / weights.sum(1, keepdim=True)).float()


def _keys(x: Tensor) -> Tensor:
    x = x.abs()
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * _A - 4 * _A
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
