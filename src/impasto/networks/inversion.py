"""Decoders from a loss network's features back to the image (Dosovitskiy & Brox 2016).

*Inverting Visual Representations with Convolutional Networks*, arXiv 1506.02753. Theirs up-convolve
with stride; here each doubling is nearest-neighbour and a 3x3 convolution in one
(impasto.networks.subpixel), so that there is no checkerboard.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.networks.activations import scaled_tanh
from impasto.networks.inversion_config import InversionConfig
from impasto.networks.layout import OUTPUT_GAIN
from impasto.networks.loss import LossNetwork
from impasto.networks.modern import ConvLayer
from impasto.networks.padding import reflect_pad

PROBE_PX = 128
INITIAL_BRANCH_SCALE = 0.1  # a deep stack without norms starts near the identity


class InversionNetwork(nn.Module):
    """c3s1-F, RF x `blocks`, u(F/2) ... u32, c3s1-3 without norms, on features of rms 1.

    (N, channels, h, w) >= 0 -> (N, 3, h * stride, w * stride); h, w >= 2; values may pass [0, 1] by
    0.05, callers clamp. `feature_rms` (channels,) is what features are divided by.
    """

    feature_rms: Tensor

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        filters, doublings = config.filters, config.stride.bit_length() - 1
        self.config = config
        self.register_buffer("feature_rms", torch.ones(config.channels))
        self.head = ConvLayer(config.channels, filters[-1], 3, norm=False)
        self.body = nn.Sequential(*(_Residual(filters[-1]) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            *(
                ConvLayer(filters[level], filters[level - 1], 3, upsample=2, norm=False)
                for level in range(doublings, 0, -1)
            )
        )
        self.last = ConvLayer(filters[0], 3, 3, norm=False, relu=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, module.bias))
            if isinstance(module, _Residual):
                module.second.conv.weight.data.mul_(INITIAL_BRANCH_SCALE)
        self.last.conv.weight.data.mul_(INITIAL_BRANCH_SCALE)

    def forward(self, features: Tensor) -> Tensor:
        scaled = features / self.feature_rms.reshape(1, -1, 1, 1).to(features.dtype)
        pixels = self.last(self.up(self.body(self.head(scaled))))
        return scaled_tanh(pixels, OUTPUT_GAIN)


class _Residual(nn.Module):
    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = ConvLayer(filters, filters, 3, norm=False)
        self.second = ConvLayer(filters, filters, 3, norm=False, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(self.first(features)))


def layer_geometry(loss_network: LossNetwork, layer: str) -> tuple[int, int]:
    """Channels of `layer`, and pixels a side for each of its samples, a power of two.

    Raises OptionError for a layer that the network lacks.
    """
    probe = torch.zeros(1, 3, PROBE_PX, PROBE_PX)
    try:
        with torch.no_grad():
            features = loss_network(probe, [layer])[layer]
    except KeyError as error:
        raise OptionError(str(error.args[0])) from error
    return features.shape[1], 2 ** round(math.log2(PROBE_PX / features.shape[2]))


def invert_in_one_pass(
    network: nn.Module, loss_network: LossNetwork, image: Tensor, config: InversionConfig
) -> Tensor:
    """What the decoder makes of an image's features: (N, 3, H, W) -> the same shape, any size.

    The image is mirrored up to a multiple of the stride and the result cropped. A loss network
    whose maps lack samples at the edges (SqueezeNet) gives a smaller picture, which is enlarged.
    """
    height, width = image.shape[-2:]
    shown = pad_to_multiple(image, config.stride)
    features = loss_network(shown, [config.layer])[config.layer]
    return fitted(network(features), (shown.shape[2], shown.shape[3]))[..., :height, :width]


def fitted(output: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """The output itself where it has that size, as nearly always; else stretched to it."""
    if (output.shape[2], output.shape[3]) == size_hw:
        return output
    return F.interpolate(output, size_hw, mode="bilinear", align_corners=False)


def pad_to_multiple(image: Tensor, stride: int) -> Tensor:
    """Mirror (N, 3, H, W) on the right and below to multiples of the stride, twice it or more."""
    height, width = image.shape[-2:]
    bottom = max(-height % stride, 2 * stride - height)
    right = max(-width % stride, 2 * stride - width)
    return reflect_pad(image, 0, right, 0, bottom) if bottom > 0 or right > 0 else image
