"""Kernels that do the work of several steps at once; exact, up to rounding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# TAPS[phase][sample][tap] = 1 where kernel tap -1, 0, 1 of a pixel falls on that sample of the two
# that it sees. The second pixel of a pair comes first: see `doubling_kernel`.
_TAPS = (
    ((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)),
)


def fold_input(
    weight: Tensor, bias: Tensor | None, scale: float, shift: float
) -> tuple[Tensor, Tensor]:
    """The convolution of `x * scale + shift` as one of x: its (O, C, k, k) and (O,).

    True as far as the border is made of x, too.
    """
    constant = weight.sum((1, 2, 3)) * shift
    return weight * scale, constant if bias is None else bias + constant


def fold_batch_norm(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d
) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm after it, by its running statistics, as one convolution."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    centre = norm.running_mean if bias is None else norm.running_mean - bias
    return weight * scale.view(-1, 1, 1, 1), norm.bias - centre * scale


def doubling_kernel(weight: Tensor) -> Tensor:
    """Nearest-neighbour x2, then (O, C, 3, 3): as four kernels of 2 x 2, (4 O, C, 2, 2).

    Of the enlarged map, the first pixel of a pair sees the sample before it and its own, the second
    its own and the one after. So over the map with its edge repeated once (which is what mirroring
    the enlarged map does), kernel position i makes the second pixel of pair i - 1 and the first of
    pair i: in that order for a pixel shuffle, which leaves one pixel too many on every side.
    """
    taps = weight.new_tensor(_TAPS)
    return torch.einsum("aik,bjl,ockl->oabcij", taps, taps, weight).flatten(0, 2)


def fractional_kernel(weight: Tensor) -> Tensor:
    """Transposed 3 x 3, stride 2, padding 1, output padding 1: (C, O, 3, 3) -> (4 O, C, 2, 2).

    Unlike the transposed convolution it writes every pixel once; the map needs a row and a column
    of zeros behind it. In pixel-shuffle order.
    """
    channels, outputs = weight.shape[:2]
    phases = weight.new_zeros(outputs, 2, 2, channels, 2, 2)
    # the even pixel 2i sees sample i by tap 1; the odd one sees i by tap 2 and i + 1 by tap 0
    taps = ((0, 0, 1), (1, 0, 2), (1, 1, 0))
    for row_phase, row, row_tap in taps:
        for column_phase, column, column_tap in taps:
            part = weight[:, :, row_tap, column_tap].t()
            phases[:, row_phase, column_phase, :, row, column] = part
    return phases.flatten(0, 2)


def striding_kernel(weight: Tensor, factor: int) -> Tensor:
    """(O, C, k, k) -> (O * factor**2, C, k + factor - 1, k + factor - 1), for that stride.

    Each position makes a block of factor x factor pixels, in pixel-shuffle order. With few outputs
    (colours) matrix units are better filled so: 3 of 16 columns become 12.
    """
    kernels = [
        F.pad(weight, (right, factor - 1 - right, down, factor - 1 - down))
        for down in range(factor)
        for right in range(factor)
    ]
    return torch.stack(kernels, dim=1).flatten(0, 1)
