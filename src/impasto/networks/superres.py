"""Super-resolution networks: (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor).

`modern`, the default, is what the field found better than the paper's at its cost: all convolutions
run at the low resolution, without batch norm (Lim et al., EDSR, arXiv 1707.02921, which found that
it costs accuracy and memory); the network adds to a bicubic enlargement; a sub-pixel convolution
(Shi et al., ESPCN, arXiv 1609.05158) makes the pixels. `paper` is the network of the paper's
supplementary material, table 2, to the letter. `srcnn` (Dong et al., arXiv 1501.00092) was the
first, and is the baseline.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.media.picture import LUMA_WEIGHTS
from impasto.networks.activations import relu, scaled_tanh
from impasto.networks.architectures import build_superres_network
from impasto.networks.bicubic import enlarge
from impasto.networks.padding import reflect_pad
from impasto.networks.superres_config import (
    PAPER_BLOCKS,
    SRCNN_FILTERS,
    SUPERRES_ARCHITECTURES,
    SUPERRES_FILTERS,
    SuperResArchitecture,
    SuperResConfig,
)

__all__ = [
    "SRCNN",
    "SUPERRES_ARCHITECTURES",
    "ModernSuperResNetwork",
    "PaperSuperResNetwork",
    "SuperResConfig",
    "build_superres_network",
]

# The residual branches start small, so that a deep stack without norms starts near the identity.
INITIAL_BRANCH_SCALE = 0.1


class PlainResidualBlock(nn.Module):
    """convolution-ReLU-convolution plus the input; no norm, no ReLU after the addition."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(filters, filters, 3, padding=1)
        self.second = nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(relu(self.first(features))))


class ModernSuperResNetwork(nn.Module):
    """c3s1-64, R64 x `blocks`, c3s1-(3 factor^2), pixel shuffle, plus the bicubic enlargement.

    (N, in_channels, h, w) in [0, 1] -> (N, 3, h * factor, w * factor), any h, w >= 1; values may
    pass [0, 1], callers clamp. The first three channels are the picture; further ones, as a mask,
    only inform. Factor 1 restores a picture at its own size. With `shrink` s > 1 the network works
    on s x s blocks of pixels (pixel unshuffle): it sees s times as far for 1 / s^2 of the cost.
    """

    def __init__(
        self,
        factor: int,
        *,
        width: float = 1.0,
        blocks: int = 6,
        in_channels: int = 3,
        shrink: int = 1,
    ) -> None:
        super().__init__()
        filters = round(SUPERRES_FILTERS * width)
        self.config = SuperResConfig(
            factor=factor, width=width, blocks=blocks, shrink=shrink, in_channels=in_channels
        )
        self.factor = factor
        self.shrink = shrink
        self.head = nn.Conv2d(in_channels * shrink**2, filters, 3, padding=1)
        self.body = nn.Sequential(*(PlainResidualBlock(filters) for _ in range(blocks)))
        self.tail = nn.Conv2d(filters, 3 * (factor * shrink) ** 2, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        """Begin as the bicubic enlargement itself."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, module.bias))
            if isinstance(module, PlainResidualBlock):
                module.second.weight.data.mul_(INITIAL_BRANCH_SCALE)
        nn.init.zeros_(self.tail.weight)

    def forward(self, low_res: Tensor) -> Tensor:
        height, width = low_res.shape[-2:]
        # centred, so that the zeros beyond the border are mid-grey
        features = self._shrunk(low_res) - 0.5
        details = self.tail(self.body(self.head(features)))
        details = F.pixel_shuffle(details, self.factor * self.shrink)
        details = details[..., : height * self.factor, : width * self.factor]
        picture = enlarge(low_res[:, :3], self.factor)
        return picture + details.to(picture.dtype)

    def _shrunk(self, low_res: Tensor) -> Tensor:
        if self.shrink == 1:
            return low_res
        height, width = low_res.shape[-2:]
        right, bottom = -width % self.shrink, -height % self.shrink
        if right or bottom:
            low_res = reflect_pad(low_res, 0, right, 0, bottom)
        return F.pixel_unshuffle(low_res, self.shrink)


class NormedResidualBlock(nn.Module):
    """conv-BN-ReLU-conv-BN plus the input; no ReLU after the addition (paper, 3.1)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.body(features))


class PaperSuperResNetwork(nn.Module):
    """c9s1-64, R64 x4, u64 x log2(factor), c9s1-3, scaled tanh; filters times `width`.

    (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor) in [0, 1]; 3 x 72 x 72 -> 3 x 288 x 288
    at factor 4, 3 x 36 x 36 -> 3 x 288 x 288 at factor 8. `factor` is a power of two, 2 or more.
    """

    def __init__(self, factor: int, *, width: float = 1.0) -> None:
        super().__init__()
        filters = round(SUPERRES_FILTERS * width)
        doublings = int(math.log2(factor))
        self.config = SuperResConfig(architecture="paper", factor=factor, width=width)
        self.factor = factor
        self.layers = nn.Sequential(
            nn.Conv2d(3, filters, 9, padding=4),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            *(NormedResidualBlock(filters) for _ in range(PAPER_BLOCKS)),
            *(layer for _ in range(doublings) for layer in _doubled(filters)),
            nn.Conv2d(filters, 3, 9, padding=4),
        )

    def forward(self, low_res: Tensor) -> Tensor:
        return scaled_tanh(cast(Tensor, self.layers(low_res * 2 - 1)))


def _doubled(filters: int) -> list[nn.Module]:
    """Stride 1/2: a transposed 3x3 convolution that exactly doubles each side."""
    conv = nn.ConvTranspose2d(filters, filters, 3, 2, padding=1, output_padding=1)
    return [conv, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]


class SRCNN(nn.Module):
    """Bicubic enlargement, then 9-`middle`-5 convolutions on its luma; the colours stay bicubic.

    (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor), callers clamp. `middle` is 1 in the
    paper's basic setting and 5 in its best. No skip: the three layers carry the whole luma. They
    start near the identity, which saves the 10^8 updates that the authors report.
    """

    def __init__(self, factor: int, *, middle: int = 5) -> None:
        super().__init__()
        architecture = cast(SuperResArchitecture, f"srcnn-9-{middle}-5")
        self.config = SuperResConfig(architecture=architecture, factor=factor)
        self.factor = factor
        first, second = SRCNN_FILTERS
        self.layers = nn.Sequential(
            nn.Conv2d(1, first, 9, padding=4, padding_mode="replicate"),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, middle, padding=middle // 2, padding_mode="replicate"),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, 1, 5, padding=2, padding_mode="replicate"),
        )
        self._initialise()

    def _initialise(self) -> None:
        """Channel 0 passes the luma through all three layers."""
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.5 / layer.weight[0].numel() ** 0.5)
                nn.init.zeros_(cast(Tensor, layer.bias))
                centre = layer.kernel_size[0] // 2
                with torch.no_grad():
                    layer.weight[0] = 0
                    layer.weight[0, 0, centre, centre] = 1
        with torch.no_grad():  # the other channels begin without a voice
            cast(Tensor, self.layers[-1].weight)[0, 1:] = 0

    def forward(self, low_res: Tensor) -> Tensor:
        picture = enlarge(low_res, self.factor)
        luma = torch.einsum("nchw,c->nhw", picture, picture.new_tensor(LUMA_WEIGHTS)).unsqueeze(1)
        sharper = cast(Tensor, self.layers(luma)).to(picture.dtype)
        # with the chroma differences kept, a change of luma is the same change in R, G and B
        return picture + (sharper - luma)
