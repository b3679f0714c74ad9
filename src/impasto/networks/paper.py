"""The style network of the paper's supplementary material, table 1, to the letter.

Reflection padding of 40 pixels a side, then unpadded residual convolutions whose skip is cropped
by 2 a side; fractionally strided convolutions; batch norm in the paper, instance norm in the
authors' released code. For 256 x 256: 336 -> 168 -> 84 -> 80 ... 64 -> 128 -> 256.
"""

from typing import Literal, cast

from torch import Tensor, nn

from impasto.networks.activations import scaled_tanh
from impasto.networks.layout import PAPER_BORDER_PX, STRIDE
from impasto.networks.padding import reflect_pad
from impasto.networks.style_config import StyleNetworkConfig

Norm = Literal["batch", "instance"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Batch norm [P] or affine instance norm [C] over (N, channels, H, W)."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=True)


class CroppedResidualBlock(nn.Module):
    """Unpadded conv-norm-ReLU-conv-norm plus the input cropped by 2 a side; no ReLU after it."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            norm_layer(norm, channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features[..., 2:-2, 2:-2] + cast(Tensor, self.body(features))


class PaperStyleNetwork(nn.Module):
    """c9s1-32, d64, d128, R128 x5, u64, u32, c9s1-3 (supplementary, table 1), times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape in [0, 1] by (tanh + 1) / 2. The table's plan keeps
    the size of multiples of 4; others are mirrored up to one and cropped back. `width` 0.5 is
    the authors' released models'.
    """

    def __init__(self, width: float = 1.0, norm: Norm = "batch") -> None:
        super().__init__()
        self.config = StyleNetworkConfig(architecture="paper", width=width, norm=norm)
        few, some, many = (round(filters * width) for filters in (32, 64, 128))
        self.layers = nn.Sequential(
            *_down(3, few, 9, 1, norm),
            *_down(few, some, 3, 2, norm),
            *_down(some, many, 3, 2, norm),
            *(CroppedResidualBlock(many, norm) for _ in range(5)),
            *_up(many, some, norm),
            *_up(some, few, norm),
            nn.Conv2d(few, 3, 9, padding=4),
        )

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        border, (bottom, right) = PAPER_BORDER_PX, (-height % STRIDE, -width % STRIDE)
        padded = reflect_pad(image, border, border + right, border, border + bottom)
        features = cast(Tensor, self.layers(padded * 2 - 1))
        return scaled_tanh(features)[..., :height, :width]


def _down(
    in_channels: int, out_channels: int, kernel_size: int, stride: int, norm: Norm
) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2)
    return [conv, norm_layer(norm, out_channels), nn.ReLU(inplace=True)]


def _up(in_channels: int, out_channels: int, norm: Norm) -> list[nn.Module]:
    """Fractional stride 1/2: transposed 3x3 convolution that exactly doubles each side."""
    conv = nn.ConvTranspose2d(in_channels, out_channels, 3, 2, padding=1, output_padding=1)
    return [conv, norm_layer(norm, out_channels), nn.ReLU(inplace=True)]
