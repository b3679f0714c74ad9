"""Distances between the pixels themselves, and what holds down the patterns of feature losses."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, check_pair

PixelKind = Literal["squared", "absolute", "charbonnier"]
PIXEL_KINDS: tuple[PixelKind, ...] = ("squared", "absolute", "charbonnier")


def pixel_loss(
    output: Tensor, target: Tensor, *, kind: PixelKind = "squared", epsilon: float = 1e-3
) -> Tensor:
    """Pixel loss, paper section 3.3: two (N, C, H, W) images in [0, 1] -> scalar >= 0.

        squared:     mean of (output - target)^2, the paper's, i.e. sum / (C*H*W)
        absolute:    mean of |output - target| (L1)
        charbonnier: mean of sqrt((output - target)^2 + epsilon^2) - epsilon, a smooth L1

    Mean over the batch too. Charbonnier has its epsilon subtracted, so that equal images give 0.
    Computed in float32 at least. Raises OptionError for another kind, an `epsilon` that is not
    positive, or shapes that differ (a target with a batch of one is allowed).
    """
    if kind not in PIXEL_KINDS:
        raise OptionError(f"got pixel loss kind {kind!r}; choose from {list(PIXEL_KINDS)}")
    if not epsilon > 0:
        raise OptionError(f"got epsilon {epsilon}; wanted a number above 0")
    check_pair(output, target, "an output")
    dtype = accumulation_dtype(output)
    difference = output.to(dtype) - target.to(dtype)
    if kind == "squared":
        return difference.square().mean()
    if kind == "absolute":
        return difference.abs().mean()
    return ((difference.square() + epsilon**2).sqrt() - epsilon).mean()


DETAIL_SIGMA_PX = 0.8  # passes a tenth of the amplitude at periods of 10 px, eight tenths at 2.8 px
_DETAIL_REACH_PX = 3


def detail_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean square of what a Gaussian of 0.8 px takes out of output - target -> scalar >= 0.

    Two (N, C, H, W) images, borders repeated. Against the fine screen that a perceptual loss weaves
    into textures: a pattern with a period of two to three pixels excites the first layers of a loss
    network most, and no low resolution says where its strokes lie. Where they cannot be known, the
    squared error of the finest detail is least without any; where an edge decides them, it keeps
    them. Raises OptionError for shapes that differ.
    """
    check_pair(output, target, "an output")
    dtype = accumulation_dtype(output)
    difference = output.to(dtype) - target.to(dtype)
    channels = difference.shape[1]
    position = torch.arange(-_DETAIL_REACH_PX, _DETAIL_REACH_PX + 1, dtype=torch.float64)
    weights = torch.exp(-position.square() / (2 * DETAIL_SIGMA_PX**2))
    line = (weights / weights.sum()).to(difference).expand(channels, 1, -1)
    with torch.autocast(difference.device.type, enabled=False):
        padded = F.pad(difference, (_DETAIL_REACH_PX,) * 4, mode="replicate")
        blurred = F.conv2d(padded, line.unsqueeze(-2), groups=channels)
        blurred = F.conv2d(blurred, line.unsqueeze(-1), groups=channels)
    return (difference - blurred).square().mean()


GRID_NEIGHBOURS = 5  # samples a side that are averaged over


def grid_loss(output: Tensor, target: Tensor, *, factor: int) -> Tensor:
    """Mean square of the pattern with the period `factor` that the target has not -> scalar >= 0.

    Against the dots that a perceptual loss puts on up-scaled pictures. It cannot tell where the
    strokes of a texture lie, only that there should be some, and rewards a network that stamps one
    fixed pattern on every sample it enlarges. Such a pattern repeats with the period of the
    samples; real details do not. So the same place of neighbouring samples is averaged: details
    cancel out, a stamped pattern stays.

    Two (N, C, H, W) images whose sides are multiples of `factor`, on the grid of a low resolution
    that lies at the corner; 0 for factor 1 and for pictures of fewer than 5 x 5 samples. Raises
    OptionError for other sizes.
    """
    return grid_errors(output, target, factor=factor).mean()


def grid_errors(output: Tensor, target: Tensor, *, factor: int) -> Tensor:
    """`grid_loss` of each item: two (N, C, H, W) images -> (N,); raises as it does."""
    check_pair(output, target, "an output")
    height, width = output.shape[-2:]
    if factor < 1 or height % factor or width % factor:
        raise OptionError(f"got {height} x {width} px; wanted multiples of the factor {factor}")
    dtype = accumulation_dtype(output)
    if factor == 1 or min(height, width) < GRID_NEIGHBOURS * factor:
        return output.new_zeros(output.shape[0], dtype=dtype)
    places = F.pixel_unshuffle(output.to(dtype) - target.to(dtype), factor)
    count, _, rows, columns = places.shape
    by_place = places.reshape(count, -1, factor * factor, rows, columns)
    pattern = by_place - by_place.mean(2, keepdim=True)  # what differs within one sample
    averaged = F.avg_pool2d(pattern.flatten(1, 2), GRID_NEIGHBOURS, stride=1)
    return averaged.square().mean(dim=(1, 2, 3))


EDGE_CELL_PX = 8  # strokes may differ, their means over so many pixels may not
EDGE_RING = 2  # cells from the edge inwards


def edge_loss(output: Tensor, continued: Tensor) -> Tensor:
    """Mean square of the difference of local means within 16 px of the edges -> scalar >= 0.

    Against a frame around pictures. A convolution that pads sees where a picture ends, and a
    perceptual loss rewards a network for using it: along the edges there is room for whatever a
    painting's statistics lack, the same in every picture. Painted within its mirrored continuation
    the same photo has no edges; what differs is the frame.

    Two (N, C, H, W) images: what was painted, and the same part of what was painted within a
    continuation. Sides below 16 px count as one cell. Raises OptionError for unequal shapes.
    """
    return edge_errors(output, continued).mean()


def edge_errors(output: Tensor, continued: Tensor) -> Tensor:
    """`edge_loss` of each item: two (N, C, H, W) images -> (N,); raises as it does."""
    check_pair(output, continued, "an output")
    dtype = accumulation_dtype(output)
    height, width = output.shape[-2:]
    cells = max(height // EDGE_CELL_PX, 1), max(width // EDGE_CELL_PX, 1)
    difference = F.adaptive_avg_pool2d(output.to(dtype) - continued.to(dtype), cells).square()
    if min(cells) <= 2 * EDGE_RING:
        return difference.mean(dim=(1, 2, 3))
    ring = torch.ones_like(difference[:1, :1])
    ring[..., EDGE_RING:-EDGE_RING, EDGE_RING:-EDGE_RING] = 0
    return (difference * ring).mean(dim=(1, 2, 3)) / ring.mean()
