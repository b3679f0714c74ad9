"""The forward passes of networks of one architecture, layer by layer side by side."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.architectures import config_of
from impasto.networks.modern import FACTOR, ResidualBlock, to_input, to_pixels
from impasto.networks.padding import pad_border
from impasto.networks.subpixel import subpixel_kernel


class Lockstep:
    """Networks of one architecture on the same images: (B, 3, S, S) -> (K * B, 3, S, S).

    Each layer's convolutions run one after the other, everything else for all networks at once.
    Features are `dtype` and channels_last. Sides must be multiples of the networks' stride.
    """

    def __init__(self, networks: Sequence[nn.Module], dtype: torch.dtype) -> None:
        shapes = [[tensor.shape for tensor in each.state_dict().values()] for each in networks]
        if any(each != shapes[0] for each in shapes):
            raise ValueError("networks in lockstep need one architecture, width and depth")
        self.networks, self.dtype = networks, dtype
        self.shuffles = config_of(networks[0]).architecture == "fast"

    def __call__(self, images: Tensor) -> Tensor:
        start = to_input(images).to(self.dtype)
        features = start.repeat(len(self.networks), 1, 1, 1)
        features = features.contiguous(memory_format=torch.channels_last)
        for modules in zip(*(network.layers for network in self.networks), strict=True):
            features = self._layer(modules, features)
        return to_pixels(F.pixel_shuffle(features, FACTOR) if self.shuffles else features)

    def _layer(self, modules: Sequence[nn.Module], features: Tensor) -> Tensor:
        if isinstance(modules[0], ResidualBlock):
            first = self._layer([module.first for module in modules], features)
            return features + self._layer([module.second for module in modules], first)
        if isinstance(modules[0], nn.Conv2d):
            return self._convolve(features, [module.weight for module in modules])
        one = modules[0]
        weights = [module.conv.weight for module in modules]
        if one.upsample > 1:
            padded = pad_border(features, 1, "replicate")
            phases = self._convolve(padded, [subpixel_kernel(weight) for weight in weights])
            features = F.pixel_shuffle(phases, 2).contiguous(memory_format=torch.channels_last)
        else:
            padded = pad_border(features, one.pad, "reflect") if one.pad else features
            stride = one.conv.stride[0]
            biases = [module.conv.bias for module in modules]
            features = self._convolve(padded, weights, stride, biases)
        if one.norm is None:
            return features
        weight = torch.stack([module.norm.weight for module in modules])
        bias = torch.stack([module.norm.bias for module in modules])
        normed: Tensor = _NormRelu.apply(features, weight, bias, one.norm.eps, one.relu)
        return normed

    def _convolve(
        self,
        features: Tensor,
        weights: Sequence[Tensor],
        stride: int = 1,
        biases: Sequence[Tensor | None] = (),
    ) -> Tensor:
        parts = features.split(len(features) // len(weights))
        given = [None if bias is None else bias.to(self.dtype) for bias in biases]
        own = given or [None] * len(weights)
        each = [
            F.conv2d(part, weight.to(self.dtype, memory_format=torch.channels_last), bias, stride)
            for part, weight, bias in zip(parts, weights, own, strict=True)
        ]
        return torch.cat(each)


class _NormRelu(torch.autograd.Function):
    """Instance norm of (K * B, C, h, w) with scale and shift (K, C) for each network, and ReLU.

    Statistics in float32, whatever the features are; channels_last in, channels_last out.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool
    ) -> Tensor:
        pixels = features.shape[2] * features.shape[3]
        mean = features.sum((2, 3), dtype=torch.float32) / pixels
        norm = torch.linalg.vector_norm(features, 2, (2, 3), dtype=torch.float32)
        variance = (norm.square() / pixels - mean.square()).clamp_(min=0)
        inverse = torch.rsqrt(variance + eps)
        copies = len(features) // len(weight)
        scale = weight.repeat_interleave(copies, 0) * inverse
        shift = bias.repeat_interleave(copies, 0) - mean * scale
        result = torch.empty_like(features)
        torch.addcmul(_maps(shift), features, _maps(scale), out=result)
        if relu:
            result.relu_()
        ctx.save_for_backward(features, result if relu else None, mean, inverse, weight)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        features, result, mean, inverse, weight = ctx.saved_tensors
        gradient = gradients[0]
        if result is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0)
        pixels = features.shape[2] * features.shape[3]
        summed = gradient.sum((2, 3), dtype=torch.float32)
        along = (gradient * features).sum((2, 3), dtype=torch.float32)
        for_weight = (along - mean * summed) * inverse
        copies = len(features) // len(weight)
        scale = weight.repeat_interleave(copies, 0) * inverse
        slope = -scale * inverse * for_weight / pixels
        offset = -scale * summed / pixels - slope * mean
        result = torch.empty_like(features)
        torch.addcmul(_maps(offset), features, _maps(slope), out=result)
        torch.addcmul(result, gradient, _maps(scale), out=result)
        by_network = (len(weight), copies, -1)
        return (
            result,
            for_weight.reshape(by_network).sum(1),
            summed.reshape(by_network).sum(1),
            None,
            None,
        )


def _maps(numbers: Tensor) -> Tensor:
    return numbers[:, :, None, None]
