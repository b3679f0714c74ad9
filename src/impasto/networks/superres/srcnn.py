"""SRCNN (Dong et al., arXiv 1501.00092), the first network for super-resolution: the baseline."""

from typing import cast

import torch
from torch import Tensor, nn

from impasto.networks.superres.bicubic import BICUBIC_RADIUS, enlarge

FIRST_FILTERS, SECOND_FILTERS = 64, 32

# full-range BT.601, which is invertible; a network that sees only luma does not mind the scale
LUMA = (0.299, 0.587, 0.114)


class SRCNN(nn.Module):
    """Bicubic enlargement, then 9-`middle`-5 convolutions on its luma; the colours stay bicubic.

    (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor), callers clamp. `middle` is 1 in the
    paper's basic setting and 5 in its best. No skip: the three layers carry the whole luma. They
    start near the identity, which saves the 10^8 updates that the authors report.
    """

    def __init__(self, factor: int, *, middle: int = 5) -> None:
        super().__init__()
        self.factor = factor
        self.layers = nn.Sequential(
            nn.Conv2d(1, FIRST_FILTERS, 9, padding=4, padding_mode="replicate"),
            nn.ReLU(inplace=True),
            nn.Conv2d(
                FIRST_FILTERS, SECOND_FILTERS, middle, padding=middle // 2, padding_mode="replicate"
            ),
            nn.ReLU(inplace=True),
            nn.Conv2d(SECOND_FILTERS, 1, 5, padding=2, padding_mode="replicate"),
        )
        self.radius_px = BICUBIC_RADIUS + -(-(4 + middle // 2 + 2) // factor)
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
        luma = torch.einsum("nchw,c->nhw", picture, picture.new_tensor(LUMA)).unsqueeze(1)
        sharper = cast(Tensor, self.layers(luma)).to(picture.dtype)
        # with the chroma differences kept, a change of luma is the same change in R, G and B
        return picture + (sharper - luma)
