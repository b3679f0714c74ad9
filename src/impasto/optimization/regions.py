"""Regions of paintings for regions of a photo, and the targets that they give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError

# A region of less than this many positions in a layer has no statistics there.
LEAST_POSITIONS = 1.0


@dataclass(frozen=True, kw_only=True)
class Region:
    """Paint what lies under `mask` (None: all of the photo) as `style` is under `style_mask`.

    style: (1, 3, h, w) in [0, 1]; style_mask: (1, 1, h, w); mask: (1, 1, H, W), both in [0, 1].
    """

    style: Tensor
    weight: float = 1.0
    mask: Tensor | None = None
    style_mask: Tensor | None = None

    def resized(self, scale: Callable[[Tensor], Tensor], content_hw: tuple[int, int]) -> "Region":
        """The painting and its mask through `scale`, the photo's mask at `content_hw`."""
        return Region(
            style=scale(self.style),
            weight=self.weight,
            mask=None if self.mask is None else reduced(self.mask, content_hw),
            style_mask=None if self.style_mask is None else scale(self.style_mask),
        )

    @property
    def share(self) -> float:
        """The share of the photo that the region covers."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def reduced(mask: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Mean coverage of each position: (1, 1, H, W) -> (1, 1, *size_hw); also enlarges."""
    if size_hw[0] > mask.shape[2] or size_hw[1] > mask.shape[3]:
        return F.interpolate(mask, size_hw, mode="bilinear", align_corners=False)
    return F.adaptive_avg_pool2d(mask, size_hw)


def guide_of(mask: Tensor | None, size_hw: tuple[int, int]) -> tuple[Tensor | None, float]:
    """What to multiply a layer's features by, and how many positions then count.

    The root of the coverage, because a Gram matrix holds products of two features.
    """
    if mask is None:
        return None, float(size_hw[0] * size_hw[1])
    coverage = reduced(mask, size_hw)
    return coverage.sqrt(), float(coverage.sum())


def check_regions(regions: Sequence[Region], content_hw: tuple[int, int]) -> None:
    """Raise OptionError for masks that do not fit their pictures, or cover nothing."""
    if not regions:
        raise OptionError("got no style; give at least one painting")
    masked = [region.mask is not None for region in regions]
    if any(masked) and not all(masked):
        raise OptionError(
            f"got {sum(masked)} masks for {len(regions)} styles; give one for each style, or none"
        )
    for number, region in enumerate(regions, start=1):
        style_hw = (region.style.shape[2], region.style.shape[3])
        _check_mask(region.mask, content_hw, f"mask {number}", "the photo")
        _check_mask(region.style_mask, style_hw, f"style mask {number}", f"painting {number}")


def _check_mask(mask: Tensor | None, size_hw: tuple[int, int], name: str, whose: str) -> None:
    if mask is None:
        return
    height, width = mask.shape[-2:]
    if mask.shape[:2] != (1, 1) or not bool(torch.isfinite(mask).all()):
        raise OptionError(f"{name}: wanted finite (1, 1, H, W), got {tuple(mask.shape)}")
    # One pixel of rounding each way: a mask may be of another scale, but not of another shape.
    if abs(height * size_hw[1] - width * size_hw[0]) > max(height, width, *size_hw):
        raise OptionError(
            f"{name} has {width} x {height} px and {whose} {size_hw[1]} x {size_hw[0]}; wanted the "
            "same size, or the same proportions"
        )
    if float(mask.mean()) < 1e-4:
        raise OptionError(f"{name} is black all over: nothing would be painted; paint white in it")
