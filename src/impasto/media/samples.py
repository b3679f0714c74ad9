"""A picture's samples, a band of rows at a time: from Pillow's images, and for the writers.

A 12-megapixel photo is 144 MB as a float32 tensor. Whole-image temporaries of that size would
double or triple the peak; bands keep them at a few megabytes. And a picture reaches its file
without a second copy of it in another number type: a photo of 24 megapixels, enlarged four times,
is 1.2 GB as bytes and would be 4.6 GB as float32. Never imports torch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BAND_PIXELS = 1 << 20

Samples = NDArray[np.float32]
Integers = NDArray[np.unsignedinteger[Any]]
# (top, bottom) -> those rows as (bottom - top, W, C) in [0, 1], C being 1 to 4, alpha last.
RowReader = Callable[[int, int], Samples]


def bands(size_hw: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(top, bottom) of consecutive bands of rows that cover an image."""
    height, width = size_hw
    step = max(1, _BAND_PIXELS // width)
    for top in range(0, height, step):
        yield top, min(top + step, height)


def array_rows(image: Image.Image, top: int, bottom: int) -> NDArray[Any]:
    """Rows of a Pillow image as (h, w, C), in the image's own number type."""
    rows = np.asarray(image.crop((0, top, image.width, bottom)))
    return rows if rows.ndim == 3 else rows[..., None]


def rows_of_8bit(colors: Image.Image, alpha: Image.Image | None) -> RowReader:
    """Read from images of mode L or RGB, and L."""

    def read(top: int, bottom: int) -> Samples:
        rows = array_rows(colors, top, bottom)
        if alpha is not None:
            rows = np.concatenate([rows, array_rows(alpha, top, bottom)], axis=-1)
        return rows.astype(np.float32) / np.float32(255)

    return read


class SampleRows(Protocol):
    """`channels`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not multiplied in."""

    @property
    def size_hw(self) -> tuple[int, int]: ...

    @property
    def channels(self) -> int: ...

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        """Rows [top, bottom) as (h, W, channels) integers of 8 or 16 bits."""
        ...


@dataclass(frozen=True, kw_only=True)
class ArraySamples:
    """(H, W, 1 to 4) of uint8 or uint16."""

    array: Integers

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    @property
    def channels(self) -> int:
        return int(self.array.shape[2])

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        rows = self.array[top:bottom]
        if 8 * rows.itemsize == bits:
            return rows.copy()  # the caller may write into it
        if bits == 16:
            return rows.astype(np.uint16) * np.uint16(257)
        # to the nearest of 256 levels, exactly
        return ((rows.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class InColor:
    """Grey `samples`, with or without alpha, as equal red, green and blue."""

    samples: SampleRows

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.samples.size_hw

    @property
    def channels(self) -> int:
        return self.samples.channels + 2

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        rows = self.samples.rows(top, bottom, bits=bits)
        return rows[..., [0, 0, 0, 1][: self.channels]]
