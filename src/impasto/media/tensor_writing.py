"""From tensors to a picture file, or to a Pillow image."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError
from impasto.media.color_profiles import srgb_profile
from impasto.media.picture import Metadata
from impasto.media.samples import bands
from impasto.media.tensors import TensorSamples
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
    image = pillow_image(TensorSamples(pixels=pixels, alpha=alpha), keep_alpha=True)
    image.info["icc_profile"] = srgb_profile()
    return image


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
