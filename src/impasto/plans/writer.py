"""How a plan becomes a graph, whatever the runtime: each step in the runtime's own operations."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from impasto.plans import plan
from impasto.plans.bounds import is_split
from impasto.plans.plan import INPUT_SCALE, Floats, Plan

Samples = Literal["float32", "uint8", "levels"]
Precision = Literal["float32", "bfloat16", "float16"]
CHANNELS, SPATIAL = 1, (2, 3)  # the axis of channels, and those of height and width


class Operations(ABC):
    """A runtime's operations; values of the graph are whatever the runtime takes them to be."""

    @abstractmethod
    def constant(self, values: Any) -> Any: ...

    @abstractmethod
    def side_of(self, image: Any, axis: int) -> Any:
        """The image's height or width, an int64 scalar."""

    @abstractmethod
    def joined(self, scalars: Sequence[Any]) -> Any:
        """Scalars as one list."""

    @abstractmethod
    def cast(self, values: Any, kind: str) -> Any:
        """Values as `kind`: "uint8" or a Precision."""

    @abstractmethod
    def round(self, values: Any) -> Any:
        """To the nearest whole numbers, halves to even ones."""

    @abstractmethod
    def joined_maps(self, maps: Sequence[Any], axis: int) -> Any:
        """Maps one behind the other along an axis."""

    @abstractmethod
    def channels(self, features: Any, start: int, stop: int) -> Any:
        """Some channels of a map."""

    @abstractmethod
    def where_set(self, mask: Any, yes: Any, no: Any) -> Any:
        """`yes` where the mask is above 0, else `no`."""

    @abstractmethod
    def add(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def subtract(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def multiply(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def maximum(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def remainder(self, left: Any, right: Any) -> Any:
        """Of integers, with the sign of `right`."""

    @abstractmethod
    def absolute(self, values: Any) -> Any: ...

    @abstractmethod
    def range(self, start: Any, stop: Any) -> Any: ...

    @abstractmethod
    def gather(self, features: Any, index: Any, axis: int) -> Any: ...

    @abstractmethod
    def part(self, features: Any, start: Any, stop: Any) -> Any:
        """From `start` to `stop`, in the two axes of SPATIAL."""

    @abstractmethod
    def pad(self, features: Any, step: plan.Pad) -> Any: ...

    @abstractmethod
    def convolve(self, features: Any, weight: Any, bias: Any | None, stride: int) -> Any: ...

    @abstractmethod
    def normalise(self, features: Any, step: plan.Normalise) -> Any: ...

    @abstractmethod
    def shuffle(self, features: Any, factor: int) -> Any: ...

    @abstractmethod
    def enlarge(self, features: Any) -> Any: ...

    @abstractmethod
    def relu(self, features: Any) -> Any: ...

    @abstractmethod
    def sigmoid(self, features: Any) -> Any: ...

    @abstractmethod
    def clamp(self, values: Any, top: float) -> Any:
        """Into [0, top]."""


def mirror_positions(size: int, step: plan.Mirror) -> list[int]:
    """Which of an image's `size` rows stand where after `step`."""
    index = np.pad(np.arange(size), (step.border, step.border + step.short(size)), mode="reflect")
    return [int(position) for position in np.pad(index, step.outer, mode="reflect")]


class GraphWriter(Operations):
    """Writes a plan as a graph from "image", (N, C, H, W), to "output", (N, 3, H', W').

    H and W are known when the graph runs, and may be anything from 1 on; or they are `size_hw`.
    `samples`: of in- and output, "float32" in [0, 1] or "uint8"; "levels" is what `to_levels`
    gives in, and float32 in [0, 1] out. `precision`: in which maps are held and convolved;
    statistics, pixels, in- and output are float32 all the same.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        precision: Precision = "float32",
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        self.samples = samples
        self.precision = precision
        self.size_hw = size_hw

    def write_plan(self, steps: Plan, image: Any) -> Any:
        """The graph's values from "image" on; returns that of the output."""
        if self.size_hw is None:
            self.sides = [self.side_of(image, axis) for axis in SPATIAL]
        self.levels = self.entered(image, split=is_split(steps))
        features = self.levels
        if not any(isinstance(step, plan.Sum) for step in steps):
            features = self.narrowed(features)
        features = self.write_all(steps, features)
        return self.as_uint8(features) if self.samples == "uint8" else features

    def entered(self, image: Any, *, split: bool) -> Any:
        """What the plan takes, in float32, see `to_levels`."""
        if self.samples == "levels":
            return image
        if self.samples == "uint8":
            return self.cast(image, "float32")
        levels = self.multiply(image, self.floats(INPUT_SCALE))
        if not split:
            return levels
        whole = self.round(levels)
        return self.joined_maps([whole, self.subtract(levels, whole)], CHANNELS)

    def write_all(self, steps: Plan, features: Any) -> Any:
        """One step after the other."""
        for step in steps:
            features = step.write(self, features)
        return features

    @contextmanager
    def exactly(self) -> Iterator[None]:
        """Within it maps are held and convolved in float32."""
        wanted, self.precision = self.precision, "float32"
        yield
        self.precision = wanted

    def fitted(self, features: Any, factor: int) -> Any:
        """Cropped to `factor` times the image's sides."""
        if self.size_hw is not None:
            stop = self.integers([side * factor for side in self.size_hw])
        else:
            sides = self.sides
            if factor > 1:
                sides = [self.multiply(side, self.integers(factor)) for side in sides]
            stop = self.joined(sides)
        return self.part(features, self.integers((0, 0)), stop)

    def cropped(self, features: Any, border: int) -> Any:
        """Without `border` samples on every side."""
        if border == 0:
            return features
        return self.part(features, self.integers((border,) * 2), self.integers((-border,) * 2))

    def mirror(self, image: Any, step: plan.Mirror) -> Any:
        """Rows, then columns."""
        for axis in SPATIAL:
            image = self.mirrored(image, axis, step)
        return image

    def mirrored(self, image: Any, axis: int, step: plan.Mirror) -> Any:
        """An image's rows, or columns, and what `step` puts before and behind them.

        Only that is gathered: beyond 2**24 samples OpenVINO's Gather (2026.4, along the last axis,
        on several threads) takes wrong columns.
        """
        parts = [image, self.gather(image, self.behind(axis, step), axis)]
        if step.border + step.outer > 0:
            parts.insert(0, self.gather(image, self.before(axis, step), axis))
        return self.joined_maps(parts, axis)

    def before(self, axis: int, step: plan.Mirror) -> Any:
        """Which of an image's rows, or columns, stand before it after `step`."""
        side, count = axis - SPATIAL[0], step.outer + step.border
        if self.size_hw is not None:
            return self.integers(mirror_positions(self.size_hw[side], step)[:count])
        # mirroring at the first sample forgets the sign, and the other end is far
        distance = np.abs(np.abs(np.arange(-step.outer, step.border)) - step.border)
        return self.reflected(self.integers(distance), self.sides[side])

    def behind(self, axis: int, step: plan.Mirror) -> Any:
        """Which of an image's rows, or columns, stand behind it after `step`."""
        side, count = axis - SPATIAL[0], step.outer + step.border
        if self.size_hw is not None:
            size = self.size_hw[side]
            return self.integers(mirror_positions(size, step)[count + size :])
        size, border = self.sides[side], self.integers(step.border)
        multiple = self.integers(step.multiple)
        short = self.remainder(self.subtract(self.integers(0), size), multiple)
        short = self.maximum(short, self.subtract(self.integers(step.least), size))
        whole = self.add(self.add(size, short), self.integers(2 * step.border))
        stop = self.add(whole, self.integers(step.outer))
        position = self.reflected(self.range(self.add(border, size), stop), whole)
        return self.reflected(self.subtract(position, border), size)

    def reflected(self, position: Any, size: Any) -> Any:
        """Positions mirrored into [0, size)."""
        last = self.subtract(size, self.integers(1))
        period = self.maximum(self.add(last, last), self.integers(1))
        wrapped = self.remainder(position, period)
        return self.subtract(last, self.absolute(self.subtract(wrapped, last)))

    @property
    def top(self) -> float:
        """White, in the output's samples."""
        return INPUT_SCALE if self.samples == "uint8" else 1.0

    def floats(self, values: Floats | float | Sequence[float]) -> Any:
        """A float32 constant."""
        return self.constant(np.array(values, np.float32, order="C"))

    def weights(self, values: Floats) -> Any:
        """A constant in the precision of the maps."""
        return self.narrowed(self.floats(values))

    def narrowed(self, values: Any) -> Any:
        """In the precision of the maps."""
        return values if self.precision == "float32" else self.cast(values, self.precision)

    def widened(self, values: Any) -> Any:
        """From the precision of the maps to float32."""
        return values if self.precision == "float32" else self.cast(values, "float32")

    def as_uint8(self, values: Any) -> Any:
        """Values in [0, 255], rounded."""
        return self.cast(self.round(values), "uint8")

    def integers(self, values: int | Sequence[int]) -> Any:
        """An int64 constant."""
        return self.constant(np.asarray(values, np.int64))
