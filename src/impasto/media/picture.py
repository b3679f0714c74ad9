"""What a picture file holds once it is read: pixels, alpha, depth and the facts to carry along."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from impasto.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

# 300 megapixels: the largest cameras make 150, and as float32 it is already 3.6 GB.
DEFAULT_MAX_PIXELS = 300_000_000

# Weights of R, G, B in luma, ITU-R BT.601 in full range: the Y of YCbCr, which add up to 1.
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Facts beside the pixels, as the opaque bytes that go back into a file.

    `exif` starts with its TIFF header (no "Exif" prefix), its orientation is 1 and it has no
    thumbnail; `dpi` is dots per inch (x, y). The ICC profile is never here: pixels are sRGB.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture in memory, upright and in sRGB.

    pixels: (1, 3, H, W) float32 in [0, 1]; a grey file is repeated into the three channels.
    alpha: (1, 1, H, W) float32 in [0, 1], not multiplied into `pixels`; None if the file has none.
    bits: 8 or 16, what the file held per sample (float and 32-bit samples count as 16).
    gray: the file had one colour channel.
    """

    pixels: "Tensor"
    alpha: "Tensor | None" = None
    bits: int = 8
    gray: bool = False
    metadata: Metadata = field(default_factory=Metadata)


def scaled_size(size_hw: tuple[int, int], px: int) -> tuple[int, int]:
    """The size of a picture of `size_hw` whose longer side has become `px` pixels.

    Raises OptionError for less than a pixel.
    """
    if px < 1:
        raise OptionError(f"size {px} px: must be at least 1")
    height, width = (max(1, round(side * px / max(size_hw))) for side in size_hw)
    return height, width
