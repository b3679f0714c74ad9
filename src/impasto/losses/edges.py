"""Against a frame around pictures: near their edges they must be what they would be farther in.

A convolution that pads sees where a picture ends. A perceptual loss rewards a network for using it:
along the edges there is room for whatever a painting's statistics lack, the same in every picture.
Painted within its mirrored continuation the same photo has no edges; what differs is the frame.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.losses.shapes import accumulation_dtype, check_pair

CELL_PX = 8  # strokes may differ, their means over so many pixels may not
RING = 2  # cells from the edge inwards


def edge_loss(output: Tensor, continued: Tensor) -> Tensor:
    """Mean square of the difference of local means within 16 px of the edges -> scalar >= 0.

    Two (N, C, H, W) images: what was painted, and the same part of what was painted within a
    continuation. Sides below 16 px count as one cell. Raises OptionError for unequal shapes.
    """
    return edge_errors(output, continued).mean()


def edge_errors(output: Tensor, continued: Tensor) -> Tensor:
    """`edge_loss` of each item: two (N, C, H, W) images -> (N,); raises as it does."""
    check_pair(output, continued, "an output")
    dtype = accumulation_dtype(output)
    height, width = output.shape[-2:]
    cells = max(height // CELL_PX, 1), max(width // CELL_PX, 1)
    difference = F.adaptive_avg_pool2d(output.to(dtype) - continued.to(dtype), cells).square()
    if min(cells) <= 2 * RING:
        return difference.mean(dim=(1, 2, 3))
    inner = F.pad(torch.ones_like(difference[:1, :1, RING:-RING, RING:-RING]), (RING,) * 4)
    share = (1 - inner).mean()
    return (difference * (1 - inner)).mean(dim=(1, 2, 3)) / share
