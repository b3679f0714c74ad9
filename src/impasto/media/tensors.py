"""Rows of samples <-> tensors, a band at a time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from impasto.media.sample_rows import Integers
from impasto.media.samples import RowReader, Samples, bands


@dataclass(frozen=True, kw_only=True)
class TensorSamples:
    """(1, 3, H, W) in [0, 1], and alpha (1, 1, H, W); clamped and rounded when they are read."""

    pixels: Tensor
    alpha: Tensor | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.pixels.shape[-2], self.pixels.shape[-1]

    @property
    def channels(self) -> int:
        return 3 if self.alpha is None else 4

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        rows = self.pixels[:, :, top:bottom]
        if self.alpha is not None:
            rows = torch.cat([rows, self.alpha[:, :, top:bottom].to(rows)], dim=1)
        return quantised_rows(rows, 0, bottom - top, bits=bits)


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


def quantised_rows(tensor: Tensor, top: int, bottom: int, *, bits: int) -> Integers:
    """Rows of (1, C, H, W) as (h, w, C) integers of `bits` bits: clamped, then rounded."""
    rows = tensor.detach()[0, :, top:bottom].to("cpu", torch.float32).permute(1, 2, 0)
    scaled: Samples = (rows.clamp(0, 1) * (2**bits - 1)).round().numpy()
    return scaled.astype(np.uint8) if bits == 8 else scaled.astype(np.uint16)
