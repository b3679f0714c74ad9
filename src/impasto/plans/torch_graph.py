"""A plan as a PyTorch module that `torch.export` can trace for any size."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.plans import plan
from impasto.plans.plan import Floats, Plan
from impasto.plans.writer import SPATIAL, GraphWriter, Precision, Samples, mirror_positions

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "uint8": torch.uint8,
}


class Held(nn.Module):
    """Keeps constants in its state."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[tuple[int, str], str] = {}

    def held(self, values: Floats, kind: str) -> Tensor:
        """A constant, as a tensor that moves with the module."""
        key = (id(values), kind)  # the plan, which is kept, holds the array
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names)}"
            tensor = torch.tensor(np.array(values, np.float32)).to(_DTYPES[kind])
            self.register_buffer(self._names[key], tensor)
        return cast(Tensor, getattr(self, self._names[key]))


class TorchGraph(Held):
    """(N, C, H, W) -> (N, 3, H', W'), as the other runtimes' graphs, see `GraphWriter`.

    It runs any plan. `PlanNetwork` paints styles faster in this process; here a size may be a
    symbol: nothing asks how large it is, and nothing needs an image for its constants.
    """

    def __init__(
        self,
        steps: Plan,
        *,
        samples: Samples = "float32",
        precision: Precision = "float32",
        size_hw: tuple[int, int] | None = None,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.steps = steps
        self._writer = TorchWriter(self, samples, precision=precision, size_hw=size_hw)
        kind = torch.uint8 if samples == "uint8" else torch.float32
        with torch.no_grad():  # every constant is met once, and kept
            self(torch.zeros(1, channels, *(size_hw or (2, 2)), dtype=kind))

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self._writer.write_plan(self.steps, image))


class TorchWriter(GraphWriter):
    """Does what others write down; integers, and numbers that stand alone, are Python's."""

    def __init__(
        self,
        graph: Held,
        samples: Samples,
        *,
        precision: Precision,
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(samples, precision=precision, size_hw=size_hw)
        self.held = graph.held

    def floats(self, values: Floats | float | Sequence[float]) -> Any:
        return self.held(values, "float32") if isinstance(values, np.ndarray) else values

    def weights(self, values: Floats) -> Any:
        return self.held(values, self.precision)

    def integers(self, values: int | Sequence[int]) -> Any:
        return values

    def constant(self, values: Any) -> Any:  # noqa: ARG002
        raise TypeError("constants are the module's: see Held")

    def side_of(self, image: Any, axis: int) -> Any:
        return image.shape[axis]

    def joined(self, scalars: Sequence[Any]) -> Any:
        return list(scalars)

    def mirrored(self, features: Any, axis: int, step: plan.Mirror) -> Any:
        return self.gather(features, self._positions(axis, step), axis)

    def _positions(self, axis: int, step: plan.Mirror) -> Any:
        # A product, which tells the tracer that sides divide, in place of what is short of one.
        if self.size_hw is not None:
            return mirror_positions(self.size_hw[axis - SPATIAL[0]], step)
        size, multiple = self.sides[axis - SPATIAL[0]], step.multiple
        least = -(-step.least // multiple)
        whole = multiple * self.maximum(least, (size + multiple - 1) // multiple) + 2 * step.border
        position = torch.arange(-step.outer, whole + step.outer)
        return self.reflected(self.reflected(position, whole) - step.border, size)

    def cast(self, values: Any, kind: str) -> Any:
        return values.to(_DTYPES[kind])

    def round(self, values: Any) -> Any:
        return values.round()

    def joined_maps(self, maps: Sequence[Any], axis: int) -> Any:
        return torch.cat(list(maps), axis)

    def channels(self, features: Any, start: int, stop: int) -> Any:
        return features[:, start:stop]

    def where_set(self, mask: Any, yes: Any, no: Any) -> Any:
        return torch.where(mask > 0, yes, no)

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def subtract(self, left: Any, right: Any) -> Any:
        return left - right

    def multiply(self, left: Any, right: Any) -> Any:
        return left * right

    def maximum(self, left: Any, right: Any) -> Any:
        return torch.sym_max(left, right)  # type: ignore[no-untyped-call]

    def remainder(self, left: Any, right: Any) -> Any:
        return left % right

    def absolute(self, values: Any) -> Any:
        return values.abs()

    def range(self, start: Any, stop: Any) -> Any:
        return torch.arange(start, stop)

    def gather(self, features: Any, index: Any, axis: int) -> Any:
        index = torch.as_tensor(index, device=features.device)
        return features.index_select(axis, index)

    def part(self, features: Any, start: Any, stop: Any) -> Any:
        for axis, first, last in zip(SPATIAL, start, stop, strict=True):
            if isinstance(last, int) and last <= 0:
                sides = (0, 0) * (max(SPATIAL) - axis)
                features = F.pad(features, (*sides, -first, last))
            else:  # by index: a slice would ask the tracer whether it is all there is
                features = features.index_select(axis, torch.arange(first, last))
        return features

    def pad(self, features: Any, step: plan.Pad) -> Any:
        sides = (step.before, step.after) * len(SPATIAL)
        if step.mode == "constant":
            return F.pad(features, sides, value=step.value)
        return F.pad(features, sides, mode=step.mode)

    def convolve(self, features: Any, weight: Any, bias: Any | None, stride: int) -> Any:
        return F.conv2d(features, weight, bias, stride)

    def normalise(self, features: Any, step: plan.Normalise) -> Any:
        # torch.nn.functional's would ask how large the map is
        weight, bias = self.floats(step.weight), self.floats(step.bias)
        return torch.instance_norm(
            features, weight, bias, None, None, True, 0.0, step.eps, cudnn_enabled=False
        )

    def shuffle(self, features: Any, factor: int) -> Any:
        return F.pixel_shuffle(features, factor)

    def enlarge(self, features: Any) -> Any:
        return F.interpolate(features, scale_factor=2.0, mode="nearest")

    def relu(self, features: Any) -> Any:
        return F.relu(features)

    def sigmoid(self, features: Any) -> Any:
        return torch.sigmoid(features)

    def clamp(self, values: Any, top: float) -> Any:
        return values.clamp(0.0, top)
