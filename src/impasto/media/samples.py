"""Pillow images <-> arrays of samples <-> tensors, a band of rows at a time.

A 12-megapixel photo is 144 MB as a float32 tensor. Whole-image temporaries of that size would
double or triple the peak; bands keep them at a few megabytes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

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


def tensors_from_rows(
    read: RowReader, size_hw: tuple[int, int], channels: int
) -> tuple[Tensor, Tensor | None]:
    """Fill (1, 3, H, W) pixels, and (1, 1, H, W) alpha where `channels` is 2 or 4."""
    pixels = torch.empty(1, 3, *size_hw)
    alpha = torch.empty(1, 1, *size_hw) if channels in (2, 4) else None
    for top, bottom in bands(size_hw):
        rows = torch.from_numpy(read(top, bottom)).permute(2, 0, 1)
        if alpha is not None:
            alpha[0, :, top:bottom] = rows[-1:]
            rows = rows[:-1]
        pixels[0, :, top:bottom] = rows  # one grey channel broadcasts to three
    return pixels, alpha


def quantised_rows(
    tensor: Tensor, top: int, bottom: int, *, bits: int
) -> NDArray[np.unsignedinteger[Any]]:
    """Rows of (1, C, H, W) as (h, w, C) integers of `bits` bits: clamped, then rounded."""
    rows = tensor.detach()[0, :, top:bottom].to("cpu", torch.float32).permute(1, 2, 0)
    scaled: Samples = (rows.clamp(0, 1) * (2**bits - 1)).round().numpy()
    return scaled.astype(np.uint8) if bits == 8 else scaled.astype(np.uint16)
