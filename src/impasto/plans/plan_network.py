"""Plans in PyTorch: as modules that paint, and as a module that `torch.export` can trace.

`PlanNetwork` paints styles fastest in this process. In `TorchGraph`, which runs any plan, a size
may be a symbol: nothing asks how large it is, and nothing needs an image for its constants. Images
enter as levels in [0, 255], which half precision holds exactly.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import reflection_index
from impasto.plans import plan
from impasto.plans.bounds import ignores_constants, is_split
from impasto.plans.plan import INPUT_SCALE, Floats, Plan, Step
from impasto.plans.writer import SPATIAL, GraphWriter, Precision, Samples, mirror_positions

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "uint8": torch.uint8,
}
_PRECISIONS: dict[torch.dtype, Precision] = {
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}


class Held(nn.Module):
    """Keeps constants in its state."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[tuple[int, str], str] = {}
        self._arrays: list[Floats] = []

    def held(self, values: Floats, kind: str) -> Tensor:
        """A constant, a field of its step, as a tensor that moves with the module."""
        key = id(values), kind
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names)}"
            self._arrays.append(values)  # so that no other array gets its id
            tensor = torch.tensor(np.array(values, np.float32)).to(_DTYPES[kind])
            self.register_buffer(self._names[key], tensor)
        return cast(Tensor, getattr(self, self._names[key]))


class TorchGraph(Held):
    """(N, C, H, W) -> (N, 3, H', W'), as the other runtimes' graphs, see `GraphWriter`.

    It runs any plan.
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


def to_levels(image: Tensor, *, split: bool, centred: bool = False) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> what a plan takes: levels in [0, 255], float32 at least.

    8-bit samples are whole numbers then, exact in every number format, bfloat16 too. split: the
    parts of a level, which other images have, go into three more channels, (N, 6, H, W), so that
    these lose nothing either; networks make much of small differences in even areas. centred:
    less each channel's mean, rounded, for half precision and plans that ignore constants; sums of
    large numbers are coarse.
    """
    levels = image * INPUT_SCALE
    whole = levels.round() if split else levels
    exact = whole - whole.mean((2, 3), keepdim=True).round() if centred else whole
    return torch.cat([exact, levels - whole], dim=1) if split else exact


def has_parts_of_levels(image: Tensor) -> bool:
    """Whether (N, 3, H, W) in [0, 1] has other samples than 8-bit ones."""
    levels = image * INPUT_SCALE
    # dividing by 255 and multiplying again is off by rounding
    return bool((levels - levels.round()).abs().max() > 1e-3)


class PlanNetwork(nn.Module):
    """(N, 3, H, W) in [0, 1] -> the same shape in [0, 1], float32 at least; any H, W >= 1.

    Maps are held and convolved in `dtype` (None: that of the plan's tensors), channels last; norms
    keep the plan's own.
    """

    def __init__(self, steps: Plan, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        first, *body, last = steps
        if not isinstance(first, plan.Mirror) or not isinstance(last, plan.Fit):
            raise TypeError("a plan begins by mirroring the image, and ends by cropping to it")
        self.split = is_split(steps)
        self.first = module_of(first)
        self.body = nn.Sequential(*(module_of(step) for step in body))
        convolutions = [part for part in self.modules() if isinstance(part, _Convolve)]
        self.dtype = dtype or convolutions[0].weight.dtype
        half = self.dtype in (torch.bfloat16, torch.float16)
        self.centred = half and ignores_constants(steps)
        for convolution in convolutions:
            convolution.to(self.dtype)
            kernel = convolution.weight.contiguous(memory_format=torch.channels_last)
            convolution.weight = nn.Parameter(kernel, requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        features = to_levels(image, split=self.split, centred=self.centred)
        features = features.contiguous(memory_format=torch.channels_last)
        features = features.to(self.dtype)
        output = self.body(self.first(features))
        return cast(Tensor, output[..., : image.shape[-2], : image.shape[-1]].contiguous())


def module_of(step: Step) -> nn.Module:
    """A step's form in PyTorch."""
    make = _MODULES.get(type(step), _Written)
    return make(step)


def _parameter(values: Floats) -> nn.Parameter:
    # on the CPU whatever the default is: a network is built there and moved
    return nn.Parameter(torch.tensor(values, device="cpu"), requires_grad=False)


class _Convolve(nn.Conv2d):
    def __init__(self, step: plan.Convolve) -> None:
        outputs, channels, size = step.weight.shape[:3]
        super().__init__(channels, outputs, size, step.stride, bias=step.bias is not None)
        self.weight = _parameter(step.weight)
        if step.bias is not None:
            self.bias = _parameter(step.bias)


class _Normalise(InstanceNorm):
    def __init__(self, step: plan.Normalise) -> None:
        super().__init__(step.weight.size, step.eps)
        self.weight, self.bias = _parameter(step.weight), _parameter(step.bias)

    def forward(self, features: Tensor) -> Tensor:
        if features.shape[-2:] == (1, 1):  # PyTorch refuses it: a single sample is its own mean
            return self.bias.to(features.dtype).view(1, -1, 1, 1).expand_as(features).clone()
        return super().forward(features)


class _Residual(nn.Module):
    def __init__(self, step: plan.Residual) -> None:
        super().__init__()
        self.body = nn.Sequential(*(module_of(inner) for inner in step.body))
        self.crop = step.crop

    def forward(self, features: Tensor) -> Tensor:
        skip = F.pad(features, (-self.crop,) * 4) if self.crop else features
        return cast(Tensor, self.body(features)).add_(skip)


class _Written(Held):
    """A step that has no faster form here, in PyTorch's operations."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step
        self._writer = TorchWriter(self, "float32", precision="float32")

    def forward(self, features: Tensor) -> Tensor:
        self._writer.precision = _PRECISIONS[features.dtype]
        return cast(Tensor, self.step.write(self._writer, features))


class _Pad(nn.Module):
    def __init__(self, step: plan.Pad) -> None:
        super().__init__()
        self.step = step

    def forward(self, features: Tensor) -> Tensor:
        step = self.step
        sides = (step.before, step.after) * 2
        if step.mode == "constant":
            return F.pad(features, sides, value=step.value)
        return F.pad(features, sides, mode=step.mode)


class _Mirror(nn.Module):
    def __init__(self, step: plan.Mirror) -> None:
        super().__init__()
        self.step = step

    def forward(self, image: Tensor) -> Tensor:
        for dim in (-2, -1):
            image = image.index_select(dim, mirror_index(image.shape[dim], self.step, image.device))
        return image


def mirror_index(size: int, step: plan.Mirror, device: torch.device | str = "cpu") -> Tensor:
    """Which of an image's `size` rows stand where after `step`."""
    index = reflection_index(size, step.border, step.border + step.short(size))
    return index[reflection_index(len(index), step.outer, step.outer)].to(device)


class _Squash(nn.Module):
    def __init__(self, step: plan.Squash) -> None:
        super().__init__()
        self.step = step

    def forward(self, features: Tensor) -> Tensor:
        if features.dtype in (torch.bfloat16, torch.float16):
            features = features.float()
        pixels = torch.sigmoid(features) if self.step.sigmoid else features.clone()
        return pixels.mul_(self.step.scale).add_(self.step.shift).clamp_(0, 1)


_MODULES: dict[type[Step], Callable[[Any], nn.Module]] = {
    plan.Convolve: _Convolve,
    plan.Normalise: _Normalise,
    plan.Residual: _Residual,
    plan.Shuffle: lambda step: nn.PixelShuffle(step.factor),
    plan.Relu: lambda step: nn.ReLU(inplace=True),  # noqa: ARG005
    plan.Enlarge: lambda step: nn.Upsample(scale_factor=2, mode="nearest"),  # noqa: ARG005
    plan.Crop: lambda step: nn.ZeroPad2d(-step.border),
    plan.Pad: _Pad,
    plan.Mirror: _Mirror,
    plan.Squash: _Squash,
}
