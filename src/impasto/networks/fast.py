"""The small style network: what is wide never has the image's full resolution.

Most of the time of the `modern` network on a CPU goes into maps at full resolution: two 9 x 9
layers, two norms, their borders. Here the first layer takes every other pixel, the last makes
2 x 2 pixels at a time, and the stroke-making part between them, at a quarter of the resolution, is
the modern network's with fewer residual blocks, so that it can begin with a trained network's
weights (`impasto.training.distillation`).
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.layout import fast_layout
from impasto.networks.modern import build_layers, pad_to_stride, to_input, to_pixels

FACTOR = 2  # pixels that the last layer makes at a time, per side


class FastStyleNetwork(nn.Module):
    """c7s2-64, d128, R128 x `blocks`, c1-64, u64, c5s1-12 and a pixel shuffle, times `width`.

    (N, 3, H, W) in [0, 1] -> the same shape, for every H, W >= 1; the output may pass [0, 1] by
    0.05 at either end, callers clamp. Sizes that are no multiple of 4 are mirrored up to one
    and cropped back. The 1 x 1 layer in front of the up-sampling is linear: with it the kernel
    after it has half the channels to read.
    """

    def __init__(self, width: float = 0.5, blocks: int = 3) -> None:
        super().__init__()
        self.layout = fast_layout(width, blocks)
        self.layers = build_layers(self.layout)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        padded = pad_to_stride(image)
        features = cast(Tensor, self.layers(to_input(padded)))
        return to_pixels(F.pixel_shuffle(features, FACTOR))[..., :height, :width]
