"""A style network as a short list of plain steps, the same numbers as the network it came from.

`impasto.plans.rewrite` makes plans; a plan is run by PyTorch (`plan_network`), or written down
as a graph for another runtime (`graphs`). Maps are (N, C, h, w); images enter as levels in
[0, 255], see `levels`. Its arrays are NumPy's: a plan is made and written without PyTorch.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
INPUT_SCALE = 255.0  # what the image in [0, 1] is multiplied by
# Of so many samples runtimes find a norm's statistics well, on CPUs. PyTorch and OpenVINO add them
# up in float32, one after the other: of 12 megapixels 52 dB PSNR to the exact painting are left.
LONGEST_SUM = 2**21
LONGEST_SUM_OF_HALF = 2**22  # of bfloat16, whose own errors are larger


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Extend the image by mirroring, to sides that the network can take; any H, W >= 1.

    By `border` px in front and at least as many behind: so that the result's sides are multiples
    of `multiple`, and at least `least`. Then by `outer` more on every side, mirrored anew. Edge
    samples are not repeated.
    """

    border: int = 0
    multiple: int
    least: int
    outer: int = 0


@dataclass(frozen=True, kw_only=True)
class Pad:
    """`before` samples above and to the left, `after` below and to the right."""

    before: int
    after: int
    mode: Literal["reflect", "replicate", "constant"]
    value: float = 0.0  # of "constant"


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolve:
    """Cross-correlation with (O, C, k, k), unpadded; then `bias`, (O,)."""

    weight: Floats
    bias: Floats | None = None
    stride: int = 1


@dataclass(frozen=True, kw_only=True)
class Enlarge:
    """Every sample twice, in both directions."""


@dataclass(frozen=True, kw_only=True)
class Shuffle:
    """(N, C * factor**2, h, w) -> (N, C, h * factor, w * factor), as torch's pixel_shuffle."""

    factor: int = 2


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Take `border` samples off every side."""

    border: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalise:
    """Instance norm: mean 0, variance 1 over (h, w), then `weight` and `bias`, (C,) each."""

    weight: Floats
    bias: Floats
    eps: float


@dataclass(frozen=True, kw_only=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Residual:
    """What goes in, without `crop` samples on every side, plus what `body` makes of it."""

    body: "tuple[Step, ...]"
    crop: int = 0


@dataclass(frozen=True, kw_only=True)
class Squash:
    """`scale` * sigmoid + `shift`, clamped to [0, 1]: pixels, and out of half precision.

    8 bits of mantissa are too few for 8-bit pixels, so from here on it is float32 at least.
    `sigmoid` False: `scale` * x + `shift`, for networks that end in a convolution.
    """

    scale: float
    shift: float
    sigmoid: bool = True


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Crop to the image's H, W, at the top left."""


Step = (
    Mirror | Pad | Convolve | Enlarge | Shuffle | Crop | Normalise | Relu | Residual | Squash | Fit
)
Plan = tuple[Step, ...]


def is_split(steps: Plan) -> bool:
    """Whether a plan takes whole levels and parts of levels, see `levels.to_levels`."""
    first = next(step for step in steps if isinstance(step, Convolve))
    return bool(first.weight.shape[1] == 6)


def ignores_constants(steps: Plan) -> bool:
    """Whether a constant that is added to a whole image makes no difference to the plan.

    So it is where the first convolution reaches only into mirrored pixels, and a norm follows.
    """
    kinds = tuple(type(step) for step in steps[:3])
    return kinds == (Mirror, Convolve, Normalise)
