"""A picture is painted within a mirrored border, which is cut off at the end.

What a loss network sees near an edge is its own padding in part, zeros or a mirror, and an
optimiser paints a frame for it: pale, without strokes. On a canvas that goes on beyond the picture,
the frame is there, and not in the picture.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from impasto.losses.regions import Region, reduced
from impasto.media import resize
from impasto.networks.padding import reflect_pad


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The size of the result, and so many pixels more on every side."""

    size_hw: tuple[int, int]
    border: int

    @property
    def whole_hw(self) -> tuple[int, int]:
        """The size of the canvas."""
        return self.size_hw[0] + 2 * self.border, self.size_hw[1] + 2 * self.border

    @property
    def share(self) -> float:
        """The long side of the result by that of the canvas."""
        return max(self.size_hw) / max(self.whole_hw)

    def extended(self, image: Tensor) -> Tensor:
        """(N, C, h, w) of any size -> resized to the result's, and mirrored beyond its edges."""
        return reflect_pad(resize(image, self.size_hw), *(self.border,) * 4)

    def extended_region(self, region: Region) -> Region:
        """The same for its mask, by mean coverage; as it is without a border or mask."""
        if region.mask is None or not self.border:
            return region
        mask = reflect_pad(reduced(region.mask, self.size_hw), *(self.border,) * 4)
        return replace(region, mask=mask)

    def cut(self, image: Tensor) -> Tensor:
        """The picture's part of a canvas of any size."""
        if not self.border:
            return image
        height, width = image.shape[-2:]
        top = round(self.border * height / self.whole_hw[0])
        left = round(self.border * width / self.whole_hw[1])
        return image[..., top : height - top, left : width - left]
