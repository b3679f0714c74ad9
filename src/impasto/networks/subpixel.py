"""Nearest-neighbour x2 and a 3x3 convolution in one, without ever holding the enlarged map.

Each of the four pixels that a sample is enlarged to sees the 3x3 kernel fall on 2x2 samples,
so its kernel is the 3x3 one with some taps summed. The four kernels run as one convolution at
the small size, and a pixel shuffle interleaves their outputs. Mirroring the enlarged map by one
pixel repeats its edge, which is replicating the edge sample of the small one: the border is
exact too. Same numbers, a quarter of the pixels to convolve.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.networks.padding import pad_border


def subpixel_kernel(weight: Tensor) -> Tensor:
    """(O, C, 3, 3) -> (4 O, C, 3, 3): the four phases' kernels in pixel-shuffle order."""
    # Autocast would add up the taps in half precision, differently for each phase.
    with torch.autocast(weight.device.type, enabled=False):
        rows = [_phases(phase, -1) for phase in _phases(weight, -2)]
        return torch.stack([kernel for row in rows for kernel in row], dim=1).flatten(0, 1)


def _phases(weight: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Kernels along `dim` for the first and the second output pixel of each sample.

    Where kernel tap -1, 0, 1 of an output pixel falls on the same sample, the taps are added; the
    first pixel never sees the sample after its own, the second never the one before.
    """
    before, at, after = weight.unbind(dim)
    none = torch.zeros_like(at)
    first = torch.stack([before, at + after, none], dim)
    return first, torch.stack([none, before + at, after], dim)


def resize_convolve(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """conv2d(reflect_pad(nearest_x2(features))) : (N, C, h, w) -> (N, O, 2h, 2w)."""
    kernel = subpixel_kernel(weight)
    bias = None if bias is None else bias.repeat_interleave(4)
    phases = F.conv2d(pad_border(features, 1, "replicate"), kernel, bias)
    return F.pixel_shuffle(phases, 2)
