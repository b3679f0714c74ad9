"""The default style network: the paper's plan with the field's accepted cures; and a fast one.

Against border artefacts every convolution pads by reflection; against checkerboards the
decoder resizes, then convolves; instance norm, as in the authors' released code.

Most of its time on a CPU goes into maps at full resolution: two 9 x 9 layers, two norms, their
borders. In `fast` the first layer takes every other pixel, the last makes 2 x 2 pixels at a time,
and the stroke-making part between them, at a quarter of the resolution, is the modern network's
with fewer residual blocks, so that it can begin with a trained network's weights
(`impasto.training.distillation`).
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.activations import relu, scaled_tanh
from impasto.networks.layout import (
    MIN_SIDE,
    OUTPUT_GAIN,
    STRIDE,
    Block,
    Conv,
    Layout,
    fast_layout,
    modern_layout,
)
from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import pad_border, reflect_pad
from impasto.networks.style_config import StyleNetworkConfig
from impasto.networks.subpixel import resize_convolve

FACTOR = 2  # pixels that the last layer of `fast` makes at a time, per side


class ConvLayer(nn.Module):
    """upsample (nearest, x2) -> reflection pad -> convolution -> instance norm -> ReLU.

    (N, in_channels, h, w) -> (N, out_channels, h*upsample/stride, w*upsample/stride).
    A layer with a norm has no convolution bias, since the norm would remove it again.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        upsample: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=not norm)
        self.norm = InstanceNorm(out_channels) if norm else None
        self.pad = kernel_size // 2
        self.upsample = upsample
        self.relu = relu

    def forward(self, features: Tensor) -> Tensor:
        if self.upsample > 1:
            features = resize_convolve(features, self.conv.weight, self.conv.bias)
        else:
            features = cast(Tensor, self.conv(pad_border(features, self.pad, "reflect")))
        if self.norm is not None:
            features = self.norm(features)
        return relu(features) if self.relu else features


class ResidualBlock(nn.Module):
    """conv-norm-ReLU-conv-norm plus the input; no ReLU after the addition (paper, 3.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvLayer(channels, channels, 3)
        self.second = ConvLayer(channels, channels, 3, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(self.first(features)))


class ModernStyleNetwork(nn.Module):
    """c9s1-32, d64, d128, R128 x `blocks`, u64, u32, c9s1-3, every number of filters times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape, for every H, W >= 1; the output may pass [0, 1] by
    0.05 at either end, callers clamp. Sizes that are no multiple of 4 are mirrored up to one
    and cropped back.
    """

    def __init__(self, width: float = 0.5, blocks: int = 5) -> None:
        super().__init__()
        self.config = StyleNetworkConfig(width=width, blocks=blocks)
        self.layout = modern_layout(width, blocks)
        self.layers = build_layers(self.layout)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_stride(image)
        output = to_pixels(cast(Tensor, self.layers(to_input(padded))))
        return output[..., :height, :width]


class FastStyleNetwork(nn.Module):
    """c7s2-64, d128, R128 x `blocks`, c1-64, u64, c5s1-12 and a pixel shuffle, times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape, for every H, W >= 1; the output may pass [0, 1] by
    0.05 at either end, callers clamp. Sizes that are no multiple of 4 are mirrored up to one
    and cropped back. The 1 x 1 layer in front of the up-sampling is linear: with it the kernel
    after it has half the channels to read.
    """

    def __init__(self, width: float = 0.5, blocks: int = 3) -> None:
        super().__init__()
        self.config = StyleNetworkConfig(architecture="fast", width=width, blocks=blocks)
        self.layout = fast_layout(width, blocks)
        self.layers = build_layers(self.layout)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_stride(image)
        features = cast(Tensor, self.layers(to_input(padded)))
        return to_pixels(F.pixel_shuffle(features, FACTOR))[..., :height, :width]


def build_layers(layout: Layout) -> nn.Sequential:
    """The modules of a layout, with random weights."""
    return nn.Sequential(*(_module(layer) for layer in layout))


def _module(layer: Conv | Block) -> nn.Module:
    if isinstance(layer, Block):
        return ResidualBlock(layer.channels)
    if layer.bare:
        size, stride = layer.kernel_size, layer.stride
        return nn.Conv2d(layer.in_channels, layer.out_channels, size, stride, bias=False)
    return ConvLayer(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        stride=layer.stride,
        upsample=layer.upsample,
        norm=layer.norm,
        relu=layer.relu,
    )


def pad_to_stride(image: Tensor) -> Tensor:
    """Mirror (N, 3, H, W) on the right and below to sides that the network can halve twice."""
    height, width = image.shape[-2:]
    bottom = max(-height % STRIDE, MIN_SIDE - height)
    right = max(-width % STRIDE, MIN_SIDE - width)
    return reflect_pad(image, 0, right, 0, bottom) if bottom or right else image


def to_input(image: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], what the first convolution takes."""
    return image * 2 - 1


def to_pixels(features: Tensor) -> Tensor:
    """Last convolution -> pixels: a scaled tanh centred on mid-grey (paper, 3.1)."""
    return scaled_tanh(features, OUTPUT_GAIN)
