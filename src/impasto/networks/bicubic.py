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
        if torch.compiler.is_compiling():  # which sees neither caches nor NumPy
            kernel = torch.tensor(_phases(factor), dtype=torch.float64)
        else:
            kernel = torch.from_numpy(phase_kernels(factor))
        kernel = kernel.reshape(factor**2, 1, TAPS, TAPS).to(image)
        planes = image.reshape(count * channels, 1, height, width)
        padded = F.pad(planes, (BICUBIC_RADIUS,) * 4, mode="replicate")
        enlarged = F.pixel_shuffle(F.conv2d(padded, kernel), factor)
        return enlarged.reshape(count, channels, height * factor, width * factor)


@lru_cache(maxsize=8)
def phase_kernels(factor: int) -> Floats:
    """(factor^2, 5, 5) float64: row i * factor + j is the kernel of phase (i, j)."""
    return np.array(_phases(factor)) if factor > 1 else np.ones((1, 1, 1))


def _phases(factor: int) -> list[list[list[float]]]:
    rows = [_phase(factor, index) for index in range(factor)]
    return [[[a * b for b in across] for a in down] for down in rows for across in rows]


def _phase(factor: int, index: int) -> list[float]:
    """Weights of the samples -2 ... 2 for output pixel `index` of the sample 0."""
    centre = (index + 0.5) / factor - 0.5
    samples = range(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1)
    weights = [keys_cubic(sample - centre) for sample in samples]
    return [weight / sum(weights) for weight in weights]
