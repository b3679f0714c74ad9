"""From tensors to a picture file, or to a Pillow image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError
from impasto.media.picture import Metadata
from impasto.media.samples import Integers, Samples, bands
from impasto.media.writing import format_of, pillow_image, write_samples


def write_picture(
    path: Path | str,
    pixels: Tensor,
    *,
    alpha: Tensor | None = None,
    bits: int = 8,
    metadata: Metadata | None = None,
    quality: int = 95,
) -> None:
    """Write (1, 3, H, W) sRGB pixels, of any device and float type, to a file of `path`'s format.

    Values are clamped to [0, 1] and rounded. alpha: (1, 1, H, W); JPEG and BMP cannot hold it and
    get the picture on white. bits: 8, or 16 where the format can (PNG, TIFF; others write 8).
    quality: 1 to 100, for JPEG, WebP and AVIF; JPEG and AVIF keep full colour resolution from 90
    on. The file is tagged sRGB (BMP cannot be) and replaced atomically; parent folders are made.

    Raises ImageError, which names the file, if its suffix is not in WRITABLE_SUFFIXES, values are
    not finite, shapes are wrong, the picture is too large for the format or the disk refuses.
    """
    format_of(Path(path))  # a wrong suffix is told before wrong pixels
    _check(pixels, alpha, str(path))
    samples = TensorSamples(pixels=pixels, alpha=alpha)
    write_samples(
        Path(path), samples, bits=bits, metadata=metadata, quality=quality, own_png=bits == 16
    )


def to_pil(pixels: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """(1, 3, H, W), and (1, 1, H, W) -> an 8-bit Pillow image of mode RGB or RGBA, tagged sRGB.

    Values are clamped to [0, 1] and rounded. Raises ImageError for wrong shapes and for NaN.
    """
    _check(pixels, alpha, "pixels")
    return pillow_image(TensorSamples(pixels=pixels, alpha=alpha))


def _check(pixels: Tensor, alpha: Tensor | None, source: str) -> None:
    wanted = "(1, 3, H, W) and for alpha (1, 1, H, W), each side at least 1"
    shape = tuple(pixels.shape)
    good = len(shape) == 4 and shape[:2] == (1, 3) and min(shape) > 0
    if alpha is not None:
        good = good and tuple(alpha.shape) == (1, 1, *shape[2:])
    if not good or not pixels.is_floating_point():
        got = f"{shape} {pixels.dtype}, alpha {None if alpha is None else tuple(alpha.shape)}"
        raise ImageError(f"{source}: wanted float pixels {wanted}; got {got}")
    for name, tensor in (("pixels", pixels), ("alpha", alpha)):
        if tensor is None:
            continue
        for top, bottom in bands((shape[2], shape[3])):
            if not torch.isfinite(tensor[:, :, top:bottom]).all():
                raise ImageError(
                    f"{source}: the {name} hold NaN or infinity, so there is no picture to write; "
                    "the network or its input is at fault"
                )


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
        rows = rows.detach()[0].to("cpu", torch.float32).permute(1, 2, 0)
        scaled: Samples = (rows.clamp(0, 1) * (2**bits - 1)).round().numpy()
        return scaled.astype(np.uint8) if bits == 8 else scaled.astype(np.uint16)
