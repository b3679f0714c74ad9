"""Resizing as MATLAB's imresize does it: what super-resolution papers mean by bicubic.

Pillow's and PyTorch's antialiased filters weight the same way inside, but treat borders, and
PyTorch's older ones the filter's support, differently. Protocols need these very numbers.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import OptionError

Kernel = Literal["bilinear", "bicubic", "lanczos"]


def imresize(pixels: Tensor, size_hw: tuple[int, int], *, kernel: Kernel = "bicubic") -> Tensor:
    """(N, C, H, W) -> (N, C, *size_hw); antialiased when shrinking, mirrored at the borders.

    bilinear: triangle; bicubic: Keys, a = -0.5; lanczos: three lobes. The scale of each side is
    the quotient of the sizes. Computed in the dtype given (float32 or float64), not clamped and
    not rounded. Raises OptionError for an unknown kernel or an empty size.
    """
    if kernel not in _KERNELS:
        raise OptionError(f"got kernel {kernel!r}; choose from {list(_KERNELS)}")
    if min(size_hw) < 1:
        raise OptionError(f"got size {size_hw}; wanted at least 1 x 1")
    for dim, size in zip((-2, -1), size_hw, strict=True):
        pixels = _resize_along(pixels, dim, size, kernel)
    return pixels


def _resize_along(pixels: Tensor, dim: int, size: int, kernel: Kernel) -> Tensor:
    if pixels.shape[dim] == size:
        return pixels
    indices, weights = resampling(pixels.shape[dim], size, kernel)
    shape = [1] * pixels.ndim
    shape[dim] = size
    resized: Tensor | None = None
    for index, weight in zip(indices.T, weights.T, strict=True):  # one tap at a time
        taken = pixels.index_select(dim, index.to(pixels.device))
        part = taken * weight.to(pixels).reshape(shape)
        resized = part if resized is None else resized.add_(part)
    assert resized is not None  # there is always a tap
    return resized


def resampling(size_in: int, size_out: int, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """For each output sample the input samples that it mixes, and how much of each.

    Two (size_out, taps) tensors, int64 and float64; each row of weights adds up to 1.
    """
    function, support = _KERNELS[kernel]
    scale = size_out / size_in
    stretch = max(1.0, 1 / scale)  # antialiasing: the kernel covers what one output sample covers
    reach = support * stretch
    centre = (torch.arange(size_out, dtype=torch.float64) + 0.5) / scale - 0.5
    first = torch.floor(centre - reach)
    taps = math.ceil(2 * reach) + 2
    position = first[:, None] + torch.arange(taps, dtype=torch.float64)
    weights = function((centre[:, None] - position) / stretch)
    weights = weights / weights.sum(1, keepdim=True)
    used = weights.abs().amax(0) > 0
    wrapped = position.long().remainder(2 * size_in)  # mirrored, the edge sample repeated
    indices = torch.where(wrapped < size_in, wrapped, 2 * size_in - 1 - wrapped)
    return indices[:, used], weights[:, used]


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _keys_cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _lanczos3(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_keys_cubic, 2.0),
    "lanczos": (_lanczos3, 3.0),
}
