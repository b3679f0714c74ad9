"""Bicubic enlargement by a whole factor as one convolution: the skip around a network.

Every low-resolution sample becomes factor x factor pixels, each a fixed mixture (Keys' cubic,
a = -0.5, the one of MATLAB and Pillow) of the samples around it. So it costs one small convolution,
is the same in tiles as in the whole image, and exports as plain convolution and pixel shuffle.
The kernels are made without torch, which is imported where an image is enlarged.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto.media.cubic import keys_cubic

if TYPE_CHECKING:
    from torch import Tensor

TAPS = 5  # phases left and right of the sample's centre see samples -2 ... 1 and -1 ... 2
BICUBIC_RADIUS = TAPS // 2

Floats = NDArray[np.floating[Any]]


def enlarge(image: "Tensor", factor: int) -> "Tensor":
    """(N, C, h, w) -> (N, C, h * factor, w * factor), edge samples repeated beyond the border.

    Computed in float32 at least, outside autocast; values may overshoot the input's range.
    """
    import torch
    import torch.nn.functional as F

    if factor == 1:
        return image
    with torch.autocast(image.device.type, enabled=False):
        if image.dtype in (torch.bfloat16, torch.float16):
            image = image.float()
        count, channels, height, width = image.shape
        kernel = torch.from_numpy(phase_kernels(factor)).unsqueeze(1).to(image)
        planes = image.reshape(count * channels, 1, height, width)
        padded = F.pad(planes, (BICUBIC_RADIUS,) * 4, mode="replicate")
        enlarged = F.pixel_shuffle(F.conv2d(padded, kernel), factor)
        return enlarged.reshape(count, channels, height * factor, width * factor)


@lru_cache(maxsize=8)
def phase_kernels(factor: int) -> Floats:
    """(factor^2, 5, 5) float64: row i * factor + j is the kernel of phase (i, j)."""
    if factor == 1:
        return np.ones((1, 1, 1))
    rows = np.stack([_phase(factor, index) for index in range(factor)])
    kernels: Floats = np.einsum("ia,jb->ijab", rows, rows)
    return kernels.reshape(factor * factor, TAPS, TAPS)


def _phase(factor: int, index: int) -> Floats:
    """Weights of the samples -2 ... 2 for output pixel `index` of the sample 0."""
    centre = (index + 0.5) / factor - 0.5
    weights = keys_cubic(np.arange(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1) - centre)
    total: Floats = weights / weights.sum()
    return total
