"""Against the fine screen that a perceptual loss weaves into textures: errors of the finest detail.

With a period of two to three pixels a pattern excites the first layers of a loss network most, and
no low resolution says where its strokes lie. Where they cannot be known, the squared error of the
finest detail is least without any; where an edge decides them, it keeps them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.losses.shapes import accumulation_dtype, check_pair

SIGMA_PX = 0.8  # passes a tenth of the amplitude at periods of 10 px, eight tenths at 2.8 px
_REACH_PX = 3


def detail_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean square of what a Gaussian of 0.8 px takes out of output - target -> scalar >= 0.

    Two (N, C, H, W) images, borders repeated. Raises OptionError for shapes that differ.
    """
    check_pair(output, target, "an output")
    dtype = accumulation_dtype(output)
    difference = output.to(dtype) - target.to(dtype)
    channels = difference.shape[1]
    position = torch.arange(-_REACH_PX, _REACH_PX + 1, dtype=torch.float64)
    weights = torch.exp(-position.square() / (2 * SIGMA_PX**2))
    line = (weights / weights.sum()).to(difference).expand(channels, 1, -1)
    with torch.autocast(difference.device.type, enabled=False):
        padded = F.pad(difference, (_REACH_PX,) * 4, mode="replicate")
        blurred = F.conv2d(padded, line.unsqueeze(-2), groups=channels)
        blurred = F.conv2d(blurred, line.unsqueeze(-1), groups=channels)
    return (difference - blurred).square().mean()
