"""Run a plan with PyTorch."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import reflection_index
from impasto.plans import plan
from impasto.plans.levels import to_levels
from impasto.plans.plan import Floats, Plan, Step, ignores_constants, is_split


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
        self.first = _module(first)
        self.body = nn.Sequential(*(_module(step) for step in body))
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


def _module(step: Step) -> nn.Module:
    match step:
        case plan.Convolve():
            return _Convolve(step)
        case plan.Normalise():
            return _Normalise(step)
        case plan.Residual():
            return _Residual(step)
        case plan.Shuffle():
            return nn.PixelShuffle(step.factor)
        case plan.Relu():
            return nn.ReLU(inplace=True)
        case plan.Enlarge():
            return nn.Upsample(scale_factor=2, mode="nearest")
        case plan.Crop():
            return nn.ZeroPad2d(-step.border)
        case plan.Pad():
            return _Pad(step)
        case plan.Mirror():
            return _Mirror(step)
        case plan.Squash():
            return _Squash(step)
        case plan.Fit():
            raise TypeError("a plan crops to the image once, at its end")


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
        self.body = nn.Sequential(*(_module(inner) for inner in step.body))
        self.crop = step.crop

    def forward(self, features: Tensor) -> Tensor:
        skip = F.pad(features, (-self.crop,) * 4) if self.crop else features
        return cast(Tensor, self.body(features)).add_(skip)


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
    behind = step.border + max(-size % step.multiple, step.least - size)
    index = reflection_index(size, step.border, behind)
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
