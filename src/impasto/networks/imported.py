"""Style networks of other projects, as they trained them: to paint the same pictures here.

Both are the paper's plan with instance norm, on pixels in [0, 255]. `impasto.models.importing`
reads their files.
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.layout import modern_layout
from impasto.networks.modern import build_layers
from impasto.networks.normalization import InstanceNorm
from impasto.networks.padding import reflect_pad
from impasto.networks.scaled_tanh import scaled_tanh

LEVELS = 255.0
EXAMPLES_MIN_SIDE = 5  # the smallest that their first border accepts
LENGSTROM_STRIDE, LENGSTROM_MIN_SIDE = 4, 8
LENGSTROM_EPS = 1e-3
LENGSTROM_GAIN = 300 / 255  # tanh * 150 + 127.5
LENGSTROM_BLOCKS = 5


class ExamplesStyleNetwork(nn.Module):
    """pytorch/examples' fast_neural_style: our modern layers, but a convolution at the end.

    (N, 3, H, W) in [0, 1] -> the same shape; values pass [0, 1], callers clamp. Theirs gives sides
    that are multiples of 4; this crops them to the image's. Their biases before an instance norm
    are left out, since it takes them out again.
    """

    def __init__(self, width: float = 1.0, blocks: int = 5) -> None:
        super().__init__()
        self.layout = modern_layout(width, blocks)
        self.layers = build_layers(self.layout)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        bottom, right = (max(0, EXAMPLES_MIN_SIDE - side) for side in (height, width))
        padded = reflect_pad(image, 0, right, 0, bottom) if bottom or right else image
        output = cast(Tensor, self.layers(padded * LEVELS)).float() / LEVELS
        return output[..., :height, :width]


class SamePadded(nn.Module):
    """Convolution with TensorFlow's "SAME" border of zeros -> instance norm -> ReLU.

    (N, in_channels, h, w) -> (N, out_channels, h / stride, w / stride), or times stride where it is
    `transposed`. h and w are multiples of stride: then the border of a stride of 2 is a row and a
    column at the end.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        transposed: bool = False,
        relu: bool = True,
    ) -> None:
        super().__init__()
        make = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.conv = make(in_channels, out_channels, kernel_size, stride, bias=False)
        self.norm = InstanceNorm(out_channels, LENGSTROM_EPS)
        self.transposed = transposed
        self.relu = relu
        self.before = (kernel_size - stride) // 2
        self.after = kernel_size - stride - self.before

    def forward(self, features: Tensor) -> Tensor:
        border = (self.before, self.after) * 2
        if self.transposed:  # the border is what the whole of it has too much
            features = F.pad(self.conv(features), tuple(-side for side in border))
        else:
            features = self.conv(F.pad(features, border))
        features = self.norm(features)
        return F.relu(features) if self.relu else features


class SamePaddedBlock(nn.Module):
    """Two layers of 3 x 3, the second without ReLU, plus what goes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = SamePadded(channels, channels, 3)
        self.second = SamePadded(channels, channels, 3, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(self.first(features)))


class LengstromStyleNetwork(nn.Module):
    """lengstrom/fast-style-transfer's network, times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape; values may pass [0, 1] by 0.09, callers clamp. Sizes
    that are no multiple of 4 are mirrored up to one and cropped back; theirs gives other sizes.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        few, some, many = (round(filters * width) for filters in (32, 64, 128))
        self.layers = nn.Sequential(
            SamePadded(3, few, 9),
            SamePadded(few, some, 3, stride=2),
            SamePadded(some, many, 3, stride=2),
            *(SamePaddedBlock(many) for _ in range(LENGSTROM_BLOCKS)),
            SamePadded(many, some, 3, stride=2, transposed=True),
            SamePadded(some, few, 3, stride=2, transposed=True),
            SamePadded(few, 3, 9, relu=False),
        )

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        bottom, right = (
            max(-side % LENGSTROM_STRIDE, LENGSTROM_MIN_SIDE - side) for side in (height, width)
        )
        padded = reflect_pad(image, 0, right, 0, bottom) if bottom or right else image
        features = cast(Tensor, self.layers(padded * LEVELS))
        return scaled_tanh(features, LENGSTROM_GAIN)[..., :height, :width]
