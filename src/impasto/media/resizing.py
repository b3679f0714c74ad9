"""Resampling images to another size."""

from torch import Tensor
from torch.nn import functional

from impasto.errors import OptionError


def resize(pixels: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Antialiased bicubic (a = -0.5, as Pillow's): (N, C, H, W) -> (N, C, *size_hw) in [0, 1].

    The same size gives `pixels` itself back, untouched. Raises OptionError for a size below 1.
    """
    height, width = size_hw
    if height < 1 or width < 1:
        raise OptionError(f"size {height} x {width} px: both sides must be at least 1")
    if (height, width) == tuple(pixels.shape[-2:]):
        return pixels
    resized = functional.interpolate(
        pixels, size=(height, width), mode="bicubic", align_corners=False, antialias=True
    )
    return resized.clamp(0, 1)  # bicubic overshoots at edges


def resize_long_side(pixels: Tensor, px: int) -> Tensor:
    """Scale (N, C, H, W), up or down, so that the longer side has `px` pixels."""
    return resize(pixels, _scaled_size(pixels, px, max(pixels.shape[-2:])))


def resize_short_side(pixels: Tensor, px: int) -> Tensor:
    """Scale (N, C, H, W), up or down, so that the shorter side has `px` pixels."""
    return resize(pixels, _scaled_size(pixels, px, min(pixels.shape[-2:])))


def _scaled_size(pixels: Tensor, px: int, side: int) -> tuple[int, int]:
    if px < 1:
        raise OptionError(f"size {px} px: must be at least 1")
    height, width = pixels.shape[-2:]
    return max(1, round(height * px / side)), max(1, round(width * px / side))
