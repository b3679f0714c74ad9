"""Which number format an image can be painted in, and what is done where it overflows. No torch.

Instance norms enlarge whatever differences there are. In an image that is nearly even, or one soft
gradient, these are smaller than half precision's steps; and where a few pixels make all the
difference, they lie far beyond the range that int8 has steps for.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ModelError

FEWEST_PIXELS = 1024  # of smaller images the time does not matter, and each rounding shows
# Root mean square of the differences between neighbours, in standard deviations of the image.
# Photos have 0.1 to 0.4. Of photos blurred more and more, in three styles, bfloat16 kept 45 dB to
# the float32 painting down to 0.03, and int8 kept 35 dB down to 0.06.
LEAST_ROUGHNESS = {"bfloat16": 0.03, "int8": 0.08}
# Fourth moment of these differences over their second, squared: photos have 3 to 40, a line of
# writing on black has 300.
MOST_PEAKED = {"bfloat16": np.inf, "int8": 100.0}
_FALLBACK = {"int8": "bfloat16", "bfloat16": "float32"}
_LEAST_STEP, _MOST_ROWS = 8, 64  # of the rows that are looked at
_ROUNDING = 1e-3  # of dividing by 255 and multiplying again

Levels = NDArray[np.float32]


def some_rows(levels: Levels) -> Levels:
    """Of (N, C, H, W) every so many rows: enough to know an image by, in no time."""
    return levels[:, :, :: max(_LEAST_STEP, levels.shape[2] // _MOST_ROWS)]


def has_parts(levels: Levels) -> bool:
    """Whether there are other samples than whole numbers, in some of the rows."""
    rows = some_rows(levels)
    return bool(np.abs(rows - np.rint(rows)).max() > _ROUNDING)


def suitable_precision(levels: Levels, precision: str) -> str:
    """`precision`, or a more exact one if an image of (N, C, H, W) needs it."""
    if precision not in _FALLBACK:
        return precision
    if levels.shape[-2] * levels.shape[-1] < FEWEST_PIXELS:
        return "float32"
    roughness, peakedness = _local_differences(levels)
    while precision in _FALLBACK and (
        roughness < LEAST_ROUGHNESS[precision] or peakedness > MOST_PEAKED[precision]
    ):
        precision = _FALLBACK[precision]
    return precision


def _local_differences(levels: Levels) -> tuple[float, float]:
    """The least roughness, and the greatest peakedness, of the images; of some of their rows."""
    rows = some_rows(levels)[:, :3]
    along = 3 if rows.shape[3] > 1 else 2
    squares = np.square(np.diff(rows, axis=along))
    if squares.size == 0:
        return np.inf, 0.0
    second = squares.mean((1, 2, 3), dtype=np.float64)
    fourth = np.square(squares).mean((1, 2, 3), dtype=np.float64)
    variance = rows.var((2, 3), dtype=np.float64).mean(1)
    even = second == 0  # of an image in one colour nothing is left to be enlarged
    with np.errstate(divide="ignore", invalid="ignore"):
        roughness = np.where(even, np.inf, np.sqrt(second / variance))
        peakedness = np.where(even, 0.0, fourth / second**2)
    return float(roughness.min()), float(peakedness.max())


class NotFiniteError(ModelError):
    """NaN or infinity came out."""


def ladder(
    precision: str,
    *,
    name: str,
    on_overflow: Callable[[str], object] = lambda precision: None,  # noqa: ARG005
) -> Iterator[str]:
    """Number formats to compute in, one after the other, until what comes out is finite.

    The one ladder for pictures and tiles alike: what overflows in half precision is computed again
    in float32. on_overflow: is told the precision that was left. Raises ModelError, which names the
    network, when a third is asked for: float32 was not finite either.
    """
    yield precision
    if precision != "float32":
        on_overflow(precision)
        yield "float32"
    raise ModelError(f"{name} gives NaN or infinity; train or download it anew")


def is_finite(output: Any) -> bool:
    """Whether an array or a tensor near [0, 1] has neither NaN nor infinity in it."""
    # Such values cannot overflow a sum, and unlike isfinite() it needs no map. Of tensors on the
    # CPU by one thread, see `in_unit_range`.
    if getattr(output, "is_cpu", False) and output.dtype.itemsize == 4:
        output = output.numpy()
    with np.errstate(invalid="ignore", over="ignore"):
        return math.isfinite(float(output.sum()))
