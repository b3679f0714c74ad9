"""The default super-resolution network: what the field found better than the paper's at its cost.

All convolutions run at the low resolution, without batch norm (Lim et al., EDSR, arXiv 1707.02921,
which found that it costs accuracy and memory); the network adds to a bicubic enlargement; a
sub-pixel convolution (Shi et al., ESPCN, arXiv 1609.05158) makes the pixels.
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.padding import reflect_pad
from impasto.networks.relu import relu
from impasto.networks.superres.bicubic import BICUBIC_RADIUS, enlarge

FILTERS = 64
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
        filters = round(FILTERS * width)
        self.factor = factor
        self.shrink = shrink
        self.head = nn.Conv2d(in_channels * shrink**2, filters, 3, padding=1)
        self.body = nn.Sequential(*(PlainResidualBlock(filters) for _ in range(blocks)))
        self.tail = nn.Conv2d(filters, 3 * (factor * shrink) ** 2, 3, padding=1)
        # samples on each side that an output pixel depends on
        self.radius_px = max(shrink * (2 * blocks + 2) + shrink - 1, BICUBIC_RADIUS)
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
