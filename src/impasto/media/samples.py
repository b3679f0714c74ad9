"""Pillow images -> arrays of samples, a band of rows at a time. Never imports torch.

A 12-megapixel photo is 144 MB as a float32 tensor. Whole-image temporaries of that size would
double or triple the peak; bands keep them at a few megabytes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BAND_PIXELS = 1 << 20

Samples = NDArray[np.float32]
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
