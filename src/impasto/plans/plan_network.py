"""Run a style's plan with PyTorch; and images as plans take them.

These are levels in [0, 255], which half precision holds exactly.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import reflection_index
from impasto.plans import plan
from impasto.plans.bounds import ignores_constants, is_split
from impasto.plans.plan import INPUT_SCALE, Floats, Plan, Step
from impasto.plans.torch_graph import Held, TorchWriter


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
