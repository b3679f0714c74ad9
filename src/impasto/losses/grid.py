"""Against the dots that a perceptual loss puts on up-scaled pictures: their average must vanish.

A feature loss cannot tell where the strokes of a texture lie, only that there should be some, and
rewards a network that stamps one fixed pattern on every sample it enlarges. Such a pattern repeats
with the period of the samples; real details do not. So the same place of neighbouring samples is
averaged: details cancel out, a stamped pattern stays.
"""

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, check_pair

NEIGHBOURS = 5  # samples a side that are averaged over


def grid_loss(output: Tensor, target: Tensor, *, factor: int) -> Tensor:
    """Mean square of the pattern with the period `factor` that the target has not -> scalar >= 0.

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
    if factor == 1 or min(height, width) < NEIGHBOURS * factor:
        return output.new_zeros(output.shape[0], dtype=dtype)
    places = F.pixel_unshuffle(output.to(dtype) - target.to(dtype), factor)
    count, _, rows, columns = places.shape
    by_place = places.reshape(count, -1, factor * factor, rows, columns)
    pattern = by_place - by_place.mean(2, keepdim=True)  # what differs within one sample
    averaged = F.avg_pool2d(pattern.flatten(1, 2), NEIGHBOURS, stride=1)
    return averaged.square().mean(dim=(1, 2, 3))
