"""Resampling images to another size, in three ways.

`resize`: whole images, as Pillow does it, by PyTorch. `resampled_rows`: the same numbers a band of
the result at a time, which PyTorch's filter cannot start in the middle of. `imresize`: as MATLAB
does it, what super-resolution papers mean by bicubic; the weights are the same inside, but borders
are treated differently, and protocols need these very numbers.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import OptionError
from impasto.media.cubic import CUBIC_SUPPORT, keys_cubic
from impasto.media.picture import scaled_size

Kernel = Literal["bilinear", "bicubic", "lanczos"]

# torch's CUDA kernel keeps the whole filter in shared memory, and refuses filters that are larger.
_MAX_CUDA_SHRINKAGE = 16


def resize(pixels: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Antialiased bicubic (a = -0.5, as Pillow's): (N, C, H, W) -> (N, C, *size_hw) in [0, 1].

    The same size gives `pixels` itself back, untouched. Raises OptionError for a size below 1.
    """
    height, width = size_hw
    if height < 1 or width < 1:
        raise OptionError(f"size {height} x {width} px: both sides must be at least 1")
    if (height, width) == tuple(pixels.shape[-2:]):
        return pixels
    return _bicubic(pixels, height, width).clamp(0, 1)  # bicubic overshoots at edges


def resize_long_side(pixels: Tensor, px: int) -> Tensor:
    """Scale (N, C, H, W), up or down, so that the longer side has `px` pixels."""
    return resize(pixels, scaled_size((pixels.shape[-2], pixels.shape[-1]), px))


def _bicubic(pixels: Tensor, height: int, width: int) -> Tensor:
    if width == 1 and height > 1:
        # torch 2.13 on the CPU reads wrong rows when the result is one pixel wide, not when it is
        # one pixel high.
        return _bicubic(pixels.transpose(2, 3), width, height).transpose(2, 3)
    shrinkage = max(pixels.shape[-2] / height, pixels.shape[-1] / width)
    if pixels.device.type != "cpu" and not (
        pixels.device.type == "cuda" and shrinkage <= _MAX_CUDA_SHRINKAGE
    ):
        return _bicubic(pixels.cpu(), height, width).to(pixels.device)
    exact = pixels if pixels.dtype in (torch.float32, torch.float64) else pixels.float()
    resized = functional.interpolate(
        exact, size=(height, width), mode="bicubic", align_corners=False, antialias=True
    )
    return resized.to(pixels.dtype)


def resampled_rows(
    see: Callable[[int, int], Tensor],
    size_hw: tuple[int, int],
    wanted_hw: tuple[int, int],
    top: int,
    bottom: int,
) -> Tensor:
    """Rows [top, bottom) of a picture of `size_hw` resized to `wanted_hw`: (1, C, h, W) in [0, 1].

    Antialiased bicubic. see: gives rows [start, stop) of the picture, (1, C, stop - start, w).
    """
    first, weights = row_weights(size_hw[0], wanted_hw[0], top, bottom)
    rows = see(first, first + weights.shape[1])
    tall = torch.einsum("oi,nciw->ncow", weights, rows)
    if wanted_hw[1] != size_hw[1]:
        shape = (bottom - top, wanted_hw[1])
        tall = resize(tall, shape)  # height unchanged: only the columns are filtered
    return tall.clamp_(0, 1)


def row_weights(size: int, wanted: int, top: int, bottom: int) -> tuple[int, Tensor]:
    """Which row is the first that rows [top, bottom) are made of, and the weights, (o, i)."""
    scale = size / wanted
    stretch = max(scale, 1.0)
    centers = (torch.arange(top, bottom, dtype=torch.float64) + 0.5) * scale
    first = max(0, math.floor(float(centers[0]) - CUBIC_SUPPORT * stretch + 0.5))
    last = min(size, math.floor(float(centers[-1]) + CUBIC_SUPPORT * stretch + 0.5))
    places = torch.arange(first, max(last, first + 1), dtype=torch.float64) + 0.5
    weights = keys_cubic((places[None] - centers[:, None]) / stretch)
    return first, (weights / weights.sum(1, keepdim=True)).float()


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
        if pixels.shape[dim] == size:
            continue
        indices, weights = resampling(pixels.shape[dim], size, kernel)
        shape = [1] * pixels.ndim
        shape[dim] = size
        resized: Tensor | None = None
        for index, weight in zip(indices.T, weights.T, strict=True):  # one tap at a time
            taken = pixels.index_select(dim, index.to(pixels.device))
            part = taken * weight.to(pixels).reshape(shape)
            resized = part if resized is None else resized.add_(part)
        assert resized is not None  # there is always a tap
        pixels = resized
    return pixels


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


def _lanczos3(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "bilinear": (lambda x: (1 - x.abs()).clamp(min=0), 1.0),
    "bicubic": (keys_cubic, CUBIC_SUPPORT),
    "lanczos": (_lanczos3, 3.0),
}
