"""How a plan becomes a graph, whatever the runtime: each step in the runtime's own operations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor

from impasto.inference import plan
from impasto.inference.plan import INPUT_SCALE, Plan, Step

Samples = Literal["float32", "uint8", "levels"]
SPATIAL = (2, 3)  # the axes of height and width


class GraphWriter(ABC):
    """Writes a plan as a graph from "image", (N, 3, H, W), to "output", the same shape.

    H and W are known when the graph runs, and may be anything from 1 on. `samples`: of in- and
    output, "float32" in [0, 1] or "uint8"; "levels" is what `to_levels` gives in, and float32 in
    [0, 1] out. What is abstract are the runtime's operations; values
    of the graph are whatever the runtime takes them to be.
    """

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def write_plan(self, steps: Plan, image: Any) -> Any:
        """The graph's values from "image" on; returns that of the output."""
        self.sides = [self.side_of(image, axis) for axis in SPATIAL]
        if self.samples == "uint8":
            features = self.as_float(image)
        elif self.samples == "levels":
            features = image
        else:
            features = self.multiply(image, self.floats(INPUT_SCALE))
        for step in steps:
            features = self.write(step, features)
        return self.as_uint8(features) if self.samples == "uint8" else features

    def write(self, step: Step, features: Any) -> Any:
        """One step."""
        match step:
            case plan.Convolve():
                bias = None if step.bias is None else self.floats(step.bias)
                return self.convolve(features, self.floats(step.weight), bias, step.stride)
            case plan.Normalise():
                return self.normalise(features, step)
            case plan.Residual():
                branch = features
                for inner in step.body:
                    branch = self.write(inner, branch)
                return self.add(self.cropped(features, step.crop), branch)
            case plan.Shuffle():
                return self.shuffle(features, step.factor)
            case plan.Relu():
                return self.relu(features)
            case plan.Enlarge():
                return self.enlarge(features)
            case plan.Crop():
                return self.cropped(features, step.border)
            case plan.Pad():
                return self.pad(features, step)
            case plan.Mirror():
                for axis, size in zip(SPATIAL, self.sides, strict=True):
                    features = self.gather(features, self.mirror_index(size, step), axis)
                return features
            case plan.Squash():
                return self.squashed(features, step)
            case plan.Fit():
                start, stop = self.integers((0, 0)), self.joined(self.sides)
                return self.part(features, start, stop)

    def cropped(self, features: Any, border: int) -> Any:
        """Without `border` samples on every side."""
        if border == 0:
            return features
        return self.part(features, self.integers((border,) * 2), self.integers((-border,) * 2))

    def mirror_index(self, size: Any, step: plan.Mirror) -> Any:
        """As `plan_network.mirror_index`, of a side that is known when the graph runs."""
        multiple = self.integers(step.multiple)
        short = self.remainder(self.subtract(self.integers(0), size), multiple)
        short = self.maximum(short, self.subtract(self.integers(step.least), size))
        whole = self.add(self.add(size, short), self.integers(2 * step.border))
        stop = self.add(whole, self.integers(step.outer))
        position = self.reflected(self.range(self.integers(-step.outer), stop), whole)
        return self.reflected(self.subtract(position, self.integers(step.border)), size)

    def reflected(self, position: Any, size: Any) -> Any:
        """Positions mirrored into [0, size)."""
        last = self.subtract(size, self.integers(1))
        period = self.maximum(self.add(last, last), self.integers(1))
        wrapped = self.remainder(position, period)
        return self.subtract(last, self.absolute(self.subtract(wrapped, last)))

    def squashed(self, features: Any, step: plan.Squash) -> Any:
        """Pixels in [0, 1], or up to 255 where the output is uint8."""
        top = INPUT_SCALE if self.samples == "uint8" else 1.0
        pixels = self.sigmoid(features)
        if step.scale * top != 1:
            pixels = self.multiply(pixels, self.floats(step.scale * top))
        if step.shift != 0:
            pixels = self.add(pixels, self.floats(step.shift * top))
        return self.clamp(pixels, top)

    def floats(self, values: Tensor | float | Sequence[float]) -> Any:
        """A float32 constant."""
        if isinstance(values, Tensor):
            return self.constant(values.detach().float().cpu().contiguous().numpy())
        return self.constant(np.asarray(values, np.float32))

    def integers(self, values: int | Sequence[int]) -> Any:
        """An int64 constant."""
        return self.constant(np.asarray(values, np.int64))

    @abstractmethod
    def constant(self, values: Any) -> Any: ...

    @abstractmethod
    def side_of(self, image: Any, axis: int) -> Any:
        """The image's height or width, an int64 scalar."""

    @abstractmethod
    def joined(self, scalars: Sequence[Any]) -> Any:
        """Scalars as one list."""

    @abstractmethod
    def as_float(self, samples: Any) -> Any: ...

    @abstractmethod
    def as_uint8(self, values: Any) -> Any:
        """Values in [0, 255], rounded."""

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
