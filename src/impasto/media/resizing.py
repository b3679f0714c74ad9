"""Resampling images to another size. Imports torch only to do it."""

from typing import TYPE_CHECKING

from impasto.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

# torch's CUDA kernel keeps the whole filter in shared memory, and refuses filters that are larger.
_MAX_CUDA_SHRINKAGE = 16


def resize(pixels: "Tensor", size_hw: tuple[int, int]) -> "Tensor":
    """Antialiased bicubic (a = -0.5, as Pillow's): (N, C, H, W) -> (N, C, *size_hw) in [0, 1].

    The same size gives `pixels` itself back, untouched. Raises OptionError for a size below 1.
    """
    height, width = size_hw
    if height < 1 or width < 1:
        raise OptionError(f"size {height} x {width} px: both sides must be at least 1")
    if (height, width) == tuple(pixels.shape[-2:]):
        return pixels
    return _bicubic(pixels, height, width).clamp(0, 1)  # bicubic overshoots at edges


def resize_long_side(pixels: "Tensor", px: int) -> "Tensor":
    """Scale (N, C, H, W), up or down, so that the longer side has `px` pixels."""
    return resize(pixels, scaled_size((pixels.shape[-2], pixels.shape[-1]), px))


def resize_short_side(pixels: "Tensor", px: int) -> "Tensor":
    """Scale (N, C, H, W), up or down, so that the shorter side has `px` pixels."""
    return resize(pixels, _scaled(pixels.shape[-2], pixels.shape[-1], px, min(pixels.shape[-2:])))


def _bicubic(pixels: "Tensor", height: int, width: int) -> "Tensor":
    import torch
    from torch.nn import functional

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


def scaled_size(size_hw: tuple[int, int], px: int) -> tuple[int, int]:
    """The size of a picture of `size_hw` whose longer side has become `px` pixels.

    Raises OptionError for less than a pixel.
    """
    return _scaled(*size_hw, px, max(size_hw))


def _scaled(height: int, width: int, px: int, side: int) -> tuple[int, int]:
    if px < 1:
        raise OptionError(f"size {px} px: must be at least 1")
    return max(1, round(height * px / side)), max(1, round(width * px / side))
