"""Style networks of other projects, as they trained them: to paint the same pictures here.

Both are the paper's plan with instance norm, on pixels in [0, 255]. `impasto.models.importing`
reads their files.
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.activations import scaled_tanh
from impasto.networks.layout import (
    EXAMPLES_MIN_SIDE,
    LENGSTROM_EPS,
    LENGSTROM_GAIN,
    LENGSTROM_MIN_SIDE,
    LENGSTROM_STRIDE,
    SameBlock,
    SameConv,
    lengstrom_layout,
    modern_layout,
)
from impasto.networks.modern import build_layers
from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import reflect_pad
from impasto.networks.style_config import StyleNetworkConfig

LEVELS = 255.0


class ExamplesStyleNetwork(nn.Module):
    """pytorch/examples' fast_neural_style: our modern layers, but a convolution at the end.

    (N, 3, H, W) in [0, 1] -> the same shape; values pass [0, 1], callers clamp. Theirs gives sides
    that are multiples of 4; this crops them to the image's. Their biases before an instance norm
    are left out, since it takes them out again.
    """

    def __init__(self, width: float = 1.0, blocks: int = 5) -> None:
        super().__init__()
        self.config = StyleNetworkConfig(
            architecture="pytorch-examples", width=width, blocks=blocks
        )
        self.layout = modern_layout(width, blocks)
        self.layers = build_layers(self.layout)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        bottom, right = (max(0, EXAMPLES_MIN_SIDE - side) for side in (height, width))
        padded = reflect_pad(image, 0, right, 0, bottom) if bottom or right else image
        output = cast(Tensor, self.layers(padded * LEVELS)).float() / LEVELS
        return output[..., :height, :width]


class SamePadded(nn.Module):
    """See SameConv: (N, in_channels, h, w) -> (N, out_channels, h / stride, w / stride).

    Or times stride where it is `transposed`.
    """

    def __init__(self, layer: SameConv) -> None:
        super().__init__()
        make = nn.ConvTranspose2d if layer.transposed else nn.Conv2d
        self.conv = make(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, bias=False
        )
        self.norm = InstanceNorm(layer.out_channels, LENGSTROM_EPS)
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        border = (self.layer.before, self.layer.after) * 2
        if self.layer.transposed:  # the border is what the whole of it has too much
            features = F.pad(self.conv(features), tuple(-side for side in border))
        else:
            features = self.conv(F.pad(features, border))
        features = self.norm(features)
        return F.relu(features) if self.layer.relu else features


class SamePaddedBlock(nn.Module):
    """See SameBlock."""

    def __init__(self, block: SameBlock) -> None:
        super().__init__()
        self.first, self.second = (SamePadded(layer) for layer in block.layers.values())

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(self.first(features)))


class LengstromStyleNetwork(nn.Module):
    """lengstrom/fast-style-transfer's network, times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape; values may pass [0, 1] by 0.09, callers clamp. Sizes
    that are no multiple of 4 are mirrored up to one and cropped back; theirs gives other sizes.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.config = StyleNetworkConfig(architecture="lengstrom", width=width)
        self.layers = nn.Sequential(
            *(
                SamePaddedBlock(layer) if isinstance(layer, SameBlock) else SamePadded(layer)
                for layer in lengstrom_layout(width)
            )
        )

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        bottom, right = (
            max(-side % LENGSTROM_STRIDE, LENGSTROM_MIN_SIDE - side) for side in (height, width)
        )
        padded = reflect_pad(image, 0, right, 0, bottom) if bottom or right else image
        features = cast(Tensor, self.layers(padded * LEVELS))
        return scaled_tanh(features, LENGSTROM_GAIN)[..., :height, :width]
