"""What the writers read: a picture's samples as integers, a band of rows at a time.

So a picture reaches its file without a second copy of it in another number type: a photo of 24
megapixels, enlarged four times, is 1.2 GB as bytes and would be 4.6 GB as float32.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.unsignedinteger[Any]]


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


def over_white_rows(samples: SampleRows, top: int, bottom: int) -> Integers:
    """8-bit rows of a picture with alpha, composited onto white in coded sRGB values."""
    rows = samples.rows(top, bottom, bits=16).astype(np.float32) / np.float32(65535)
    colors = 1 - (1 - rows[..., :-1]) * rows[..., -1:]
    return (colors * 255).round().astype(np.uint8)
