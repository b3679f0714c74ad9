"""A network as a short list of plain steps, the same numbers as the network it came from.

`impasto.plans.rewrite` makes plans; a plan is run by PyTorch (`plan_network`), or written down as a
graph for another runtime. Maps are (N, C, h, w); images enter as levels in [0, 255], see `levels`.
Its arrays are NumPy's: a plan is made and written without PyTorch.

A step says what it does to a map (`write`, in a runtime's operations), what it needs of it (`sees`,
`size`), and how large values become (`bound`). Radius, tiles and proofs follow from these; so a new
step is a class here and, if it needs an operation that there is not yet, that in `Operations` and
its three writers (PyTorch, OpenVINO, ONNX). Its arrays are its fields, which writers keep.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from impasto.plans.writer import GraphWriter

Floats = NDArray[np.floating[Any]]
INPUT_SCALE = 255.0  # what the image in [0, 1] is multiplied by
COLORS = 3
HOLE_LEVEL = INPUT_SCALE / 2  # mid-grey, as `with_holes` puts it
# Of so many samples runtimes find a norm's statistics well, on CPUs. PyTorch and OpenVINO add them
# up in float32, one after the other: of 12 megapixels 52 dB PSNR to the exact painting are left.
LONGEST_SUM = 2**21
LONGEST_SUM_OF_HALF = 2**22  # of bfloat16, whose own errors are larger


class Step(ABC):
    """What is done to a map; by default to each sample, and none becomes larger.

    local: parts of a map can be made of the parts that they see, and of nothing else.
    """

    local: ClassVar[bool] = True

    @abstractmethod
    def write(self, writer: "GraphWriter", features: Any) -> Any:
        """The step in a runtime's operations."""

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        """Which rows, or columns, of its input the rows [start, stop) of its output depend on.

        They may lie beyond the map, in what is put around it.
        """
        return start, stop

    def first(self, row: int) -> int:
        """The first row, or column, that is made of those from `row` on, as `sees` gives them."""
        return row

    def size(self, size: int) -> int:
        """How many rows, or columns, it makes of so many."""
        return size

    def channels(self, channels: int) -> int:
        """How many channels it makes of so many."""
        return channels

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        """For values up to `entering`: the bounds of what comes out, and of all on the way.

        pixels: of the image. NaN if there is none.
        """
        del pixels
        return entering, entering


Plan = tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Mirror(Step):
    """Extend the image by mirroring, to sides that the network can take; any H, W >= 1.

    By `border` px in front and at least as many behind: so that the result's sides are multiples
    of `multiple`, and at least `least`. Then by `outer` more on every side, mirrored anew. Edge
    samples are not repeated.
    """

    local = False
    border: int = 0
    multiple: int
    least: int
    outer: int = 0

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.mirror(features, self)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start - self.border - self.outer, stop - self.border - self.outer

    def size(self, size: int) -> int:
        return size + 2 * (self.border + self.outer) + self.short(size)

    def short(self, size: int) -> int:
        """How many rows of an image of so many are short of what the network can take."""
        return max(-size % self.multiple, self.least - size)


@dataclass(frozen=True, kw_only=True)
class Pad(Step):
    """`before` samples above and to the left, `after` below and to the right."""

    before: int
    after: int
    mode: Literal["reflect", "replicate", "constant"]
    value: float = 0.0  # of "constant"

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.pad(features, self)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start - self.before, stop - self.before

    def size(self, size: int) -> int:
        return size + self.before + self.after

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        return super().bound(max(entering, abs(self.value)), pixels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolve(Step):
    """Cross-correlation with (O, C, k, k), unpadded; then `bias`, (O,)."""

    weight: Floats
    bias: Floats | None = None
    stride: int = 1

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        bias = None if self.bias is None else writer.weights(self.bias)
        return writer.convolve(features, writer.weights(self.weight), bias, self.stride)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start * self.stride, (stop - 1) * self.stride + int(self.weight.shape[-1])

    def size(self, size: int) -> int:
        return (size - int(self.weight.shape[-1])) // self.stride + 1

    def channels(self, channels: int) -> int:  # noqa: ARG002
        return int(self.weight.shape[0])

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.abs(self.weight).sum((1, 2, 3), dtype=np.float64) * entering
            largest = np.amax(sums if self.bias is None else sums + np.abs(self.bias))
        return super().bound(float(largest), pixels)


@dataclass(frozen=True, kw_only=True)
class Enlarge(Step):
    """Every sample twice, in both directions."""

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.enlarge(features)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start // 2, -(-stop // 2)

    def first(self, row: int) -> int:
        return 2 * row

    def size(self, size: int) -> int:
        return 2 * size


@dataclass(frozen=True, kw_only=True)
class Shuffle(Step):
    """(N, C * factor**2, h, w) -> (N, C, h * factor, w * factor), as torch's pixel_shuffle."""

    factor: int = 2

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.shuffle(features, self.factor)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start // self.factor, -(-stop // self.factor)

    def first(self, row: int) -> int:
        return self.factor * row

    def size(self, size: int) -> int:
        return self.factor * size

    def channels(self, channels: int) -> int:
        return channels // self.factor**2


@dataclass(frozen=True, kw_only=True)
class Crop(Step):
    """Take `border` samples off every side."""

    border: int

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.cropped(features, self.border)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        return start + self.border, stop + self.border

    def size(self, size: int) -> int:
        return size - 2 * self.border


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalise(Step):
    """Instance norm: mean 0, variance 1 over (h, w), then `weight` and `bias`, (C,) each.

    Its statistics are of the whole map, so `sees` is true of the rest only.
    """

    weight: Floats
    bias: Floats
    eps: float

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.narrowed(writer.normalise(writer.widened(features), self))

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        """What it can give at most: the root of the number of samples."""
        del entering
        largest = np.amax(np.abs(self.weight) * math.sqrt(pixels) + np.abs(self.bias))
        return super().bound(float(largest), pixels)


@dataclass(frozen=True, kw_only=True)
class Relu(Step):
    """max(0, x)."""

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.relu(features)


@dataclass(frozen=True, kw_only=True, eq=False)
class Residual(Step):
    """What goes in, without `crop` samples on every side, plus what `body` makes of it."""

    local = False
    body: Plan
    crop: int = 0

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        branch = writer.write_all(self.body, features)
        return writer.add(writer.cropped(features, self.crop), branch)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        first, last = seen(self.body, start, stop)
        return min(first, start + self.crop), max(last, stop + self.crop)

    def size(self, size: int) -> int:
        return size - 2 * self.crop

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        branch, inside = bounds(self.body, pixels, entering)
        return entering + branch, max(inside, entering + branch)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum(Step):
    """What `body` makes of a map plus what `exact` makes of it.

    `exact` is computed in float32 where the rest is in half precision. Either may be empty.
    """

    local = False
    body: Plan
    exact: Plan = ()

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        body = writer.widened(writer.write_all(self.body, writer.narrowed(features)))
        with writer.exactly():
            exact = writer.write_all(self.exact, features)
        return writer.add(body, exact)

    def sees(self, start: int, stop: int) -> tuple[int, int]:
        first, second = seen(self.body, start, stop), seen(self.exact, start, stop)
        return min(first[0], second[0]), max(first[1], second[1])

    def size(self, size: int) -> int:
        return size_after(self.body, size)

    def channels(self, channels: int) -> int:
        return channels_after(self.body, channels)

    def bound(self, entering: float, pixels: int) -> tuple[float, float]:
        body, inside = bounds(self.body, pixels, entering)
        exact, beside = bounds(self.exact, pixels, entering)
        return body + exact, max(inside, beside, body + exact)


@dataclass(frozen=True, kw_only=True)
class Squash(Step):
    """`scale` * sigmoid + `shift`, clamped to [0, 1]: pixels, and out of half precision.

    8 bits of mantissa are too few for 8-bit pixels, so from here on it is float32 at least.
    `sigmoid` False: `scale` * x + `shift`, for networks that end in a convolution.
    """

    scale: float
    shift: float
    sigmoid: bool = True

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        pixels = writer.widened(features)
        if self.sigmoid:
            pixels = writer.sigmoid(pixels)
        if self.scale * writer.top != 1:
            pixels = writer.multiply(pixels, writer.floats(self.scale * writer.top))
        if self.shift != 0:
            pixels = writer.add(pixels, writer.floats(self.shift * writer.top))
        return writer.clamp(pixels, writer.top)


@dataclass(frozen=True, kw_only=True)
class Fit(Step):
    """Crop to `factor` times the image's H, W, at the top left."""

    local = False
    factor: int = 1

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        return writer.fitted(features, self.factor)


@dataclass(frozen=True, kw_only=True)
class Blank(Step):
    """Of (N, 4, h, w), the last channel a mask: mid-grey where it is 1, see `with_holes`."""

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        mask = writer.channels(features, COLORS, COLORS + 1)
        missing = writer.multiply(mask, writer.floats(1 / INPUT_SCALE))
        known = writer.subtract(writer.floats(1.0), missing)
        colors = writer.multiply(writer.channels(features, 0, COLORS), known)
        holes = writer.multiply(missing, writer.floats(HOLE_LEVEL))
        return writer.joined_maps([writer.add(colors, holes), mask], 1)


@dataclass(frozen=True, kw_only=True)
class Clip(Step):
    """Clamp to [0, 1]: pixels. `masked`: only what the mask says is missing, else the image's."""

    local = False
    masked: bool = False

    def write(self, writer: "GraphWriter", features: Any) -> Any:
        if writer.top != 1:
            features = writer.multiply(features, writer.floats(writer.top))
        pixels = writer.clamp(features, writer.top)
        if not self.masked:
            return pixels
        image = writer.channels(writer.levels, 0, COLORS)
        image = writer.multiply(image, writer.floats(writer.top / INPUT_SCALE))
        return writer.where_set(writer.channels(writer.levels, COLORS, COLORS + 1), pixels, image)


def seen(steps: Plan, start: int, stop: int) -> tuple[int, int]:
    """Which rows, or columns, of its input the rows [start, stop) of a plan's output depend on."""
    for step in reversed(steps):
        start, stop = step.sees(start, stop)
    return start, stop


def size_after(steps: Plan, size: int) -> int:
    """How many rows, or columns, a plan makes of so many."""
    for step in steps:
        size = step.size(size)
    return size


def channels_after(steps: Plan, channels: int) -> int:
    """How many channels a plan makes of so many."""
    for step in steps:
        channels = step.channels(channels)
    return channels


def bounds(steps: Plan, pixels: int, entering: float) -> tuple[float, float]:
    """For values up to `entering`: the bounds of what comes out, and of everything on the way.

    Infinity or NaN where there is none.
    """
    bound = largest = entering
    for step in steps:
        bound, inside = step.bound(bound, pixels)
        if math.isnan(bound) or math.isnan(inside):
            return math.nan, math.nan
        largest = max(largest, inside)
    return bound, largest
