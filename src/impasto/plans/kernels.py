"""Kernels that do the work of several steps at once; exact, up to rounding."""

from collections.abc import Mapping

import numpy as np

from impasto.networks.layout import NORM_EPS
from impasto.plans.plan import Floats

# TAPS[phase][sample][tap] = 1 where kernel tap -1, 0, 1 of a pixel falls on that sample of the two
# that it sees. The second pixel of a pair comes first: see `doubling_kernel`.
_TAPS = (
    ((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)),
)


def fold_input(
    weight: Floats, bias: Floats | None, scale: float, shift: float
) -> tuple[Floats, Floats]:
    """The convolution of `x * scale + shift` as one of x: its (O, C, k, k) and (O,).

    True as far as the border is made of x, too.
    """
    constant = weight.sum((1, 2, 3)) * shift
    return weight * scale, constant if bias is None else bias + constant


def fold_scale(
    weight: Floats, bias: Floats | None, scale: Floats, shift: Floats
) -> tuple[Floats, Floats]:
    """A convolution (O, C, k, k) and `scale` * y + `shift` after it, (O,), as one convolution."""
    return weight * scale[:, None, None, None], shift if bias is None else shift + bias * scale


def fold_batch_norm(
    weight: Floats, bias: Floats, norm: str, tensors: Mapping[str, Floats]
) -> tuple[Floats, Floats]:
    """A convolution (O, C, k, k) and the batch norm after it, by its running statistics, as one."""
    mean, variance = (tensors.get(f"{norm}.running_{name}") for name in ("mean", "var"))
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = tensors[f"{norm}.weight"] / np.sqrt(variance + NORM_EPS)
    return fold_scale(weight, bias, scale, tensors[f"{norm}.bias"] - mean * scale)


def doubling_kernel(weight: Floats) -> Floats:
    """Nearest-neighbour x2, then (O, C, 3, 3): as four kernels of 2 x 2, (4 O, C, 2, 2).

    Of the enlarged map, the first pixel of a pair sees the sample before it and its own, the second
    its own and the one after. So over the map with its edge repeated once (which is what mirroring
    the enlarged map does), kernel position i makes the second pixel of pair i - 1 and the first of
    pair i: in that order for a pixel shuffle, which leaves one pixel too many on every side.
    """
    taps = np.asarray(_TAPS, weight.dtype)
    phases: Floats = np.einsum("aik,bjl,ockl->oabcij", taps, taps, weight, optimize=True)
    return phases.reshape(-1, *phases.shape[3:])


def fractional_kernel(weight: Floats) -> Floats:
    """Transposed 3 x 3, stride 2, padding 1, output padding 1: (C, O, 3, 3) -> (4 O, C, 2, 2).

    Unlike the transposed convolution it writes every pixel once; the map needs a row and a column
    of zeros behind it. In pixel-shuffle order.
    """
    channels, outputs = weight.shape[:2]
    phases = np.zeros((outputs, 2, 2, channels, 2, 2), weight.dtype)
    # the even pixel 2i sees sample i by tap 1; the odd one sees i by tap 2 and i + 1 by tap 0
    taps = ((0, 0, 1), (1, 0, 2), (1, 1, 0))
    for row_phase, row, row_tap in taps:
        for column_phase, column, column_tap in taps:
            part = weight[:, :, row_tap, column_tap].T
            phases[:, row_phase, column_phase, :, row, column] = part
    return phases.reshape(-1, *phases.shape[3:])


def same_kernel(weight: Floats) -> Floats:
    """Transposed 3 x 3, stride 2, cropped at its end: (C, O, 3, 3) -> (4 O, C, 2, 2), shuffled.

    The map has a row and a column of zeros in front. The even pixel 2i sees sample i - 1 by tap 2
    and i by tap 0, the odd one i by tap 1.
    """
    channels, outputs = weight.shape[:2]
    taps = ((0, 0, 2), (0, 1, 0), (1, 1, 1))
    phases = np.zeros((outputs, 2, 2, channels, 2, 2), weight.dtype)
    for row_phase, row, row_tap in taps:
        for column_phase, column, column_tap in taps:
            part = weight[:, :, row_tap, column_tap].T
            phases[:, row_phase, column_phase, :, row, column] = part
    kernel: Floats = phases.reshape(4 * outputs, channels, 2, 2)
    return kernel


def striding_kernel(weight: Floats, factor: int) -> Floats:
    """(O, C, k, k) -> (O * factor**2, C, k + factor - 1, k + factor - 1), for that stride.

    Each position makes a block of factor x factor pixels, in pixel-shuffle order. With few outputs
    (colours) matrix units are better filled so: 3 of 16 columns become 12.
    """
    kernels = [
        np.pad(weight, ((0, 0), (0, 0), (down, factor - 1 - down), (right, factor - 1 - right)))
        for down in range(factor)
        for right in range(factor)
    ]
    stacked = np.stack(kernels, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])
