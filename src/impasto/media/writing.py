"""From tensors to a picture file, or to a Pillow image."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError
from impasto.files.atomic import atomic_path
from impasto.media.alpha import over_white
from impasto.media.color_profiles import srgb_profile
from impasto.media.formats import WRITABLE_FORMATS, WritableFormat
from impasto.media.metadata import pillow_save_options
from impasto.media.picture import Metadata
from impasto.media.pillow_warnings import pillow_warnings_ignored
from impasto.media.png_writer import write_png_16bit
from impasto.media.samples import bands, quantised_rows
from impasto.media.tiff_writer import write_tiff

_FULL_CHROMA_QUALITY = 90  # from here on colour is kept at full resolution (4:4:4)


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
    path = Path(path)
    form = _format_of(path)
    if bits not in (8, 16) or not 1 <= quality <= 100:
        raise ImageError(f"{path}: bits={bits}, quality={quality}; wanted 8 or 16, and 1 to 100")
    _check(pixels, alpha, str(path))
    if max(pixels.shape[-2:]) > form.max_side:
        height, width = pixels.shape[-2:]
        raise ImageError(
            f"{path}: {width} x {height} px; {form.pillow_name} holds at most {form.max_side} px "
            "a side, choose PNG or TIFF"
        )
    with _write_errors_named(path), pillow_warnings_ignored(), atomic_path(path) as temporary:
        bits = bits if form.deep else 8
        _encode(temporary, form, pixels, alpha, bits, metadata or Metadata(), quality)


def _encode(
    path: Path,
    form: WritableFormat,
    pixels: Tensor,
    alpha: Tensor | None,
    bits: int,
    metadata: Metadata,
    quality: int,
) -> None:
    icc = srgb_profile()
    if form.pillow_name == "TIFF" or bits == 16:
        channels = pixels if alpha is None else torch.cat([pixels, alpha.to(pixels)], dim=1)
        if form.pillow_name == "TIFF":
            write_tiff(path, channels, bits=bits, icc=icc, metadata=metadata)
        else:
            write_png_16bit(path, channels, icc=icc, metadata=metadata)
        return
    image = _pillow_image(pixels, alpha, keep_alpha=form.alpha)
    image.save(path, format=form.pillow_name, **_save_options(form, metadata, quality))


def to_pil(pixels: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """(1, 3, H, W), and (1, 1, H, W) -> an 8-bit Pillow image of mode RGB or RGBA, tagged sRGB.

    Values are clamped to [0, 1] and rounded. Raises ImageError for wrong shapes and for NaN.
    """
    _check(pixels, alpha, "pixels")
    image = _pillow_image(pixels, alpha, keep_alpha=True)
    image.info["icc_profile"] = srgb_profile()
    return image


def _format_of(path: Path) -> WritableFormat:
    form = WRITABLE_FORMATS.get(path.suffix.lower())
    if form is None:
        given = f"the suffix {path.suffix!r}" if path.suffix else "a name without a suffix"
        raise ImageError(
            f"{path}: cannot write {given}; choose one of {', '.join(sorted(WRITABLE_FORMATS))}"
        )
    if path.is_dir():
        raise ImageError(f"{path}: is a folder; a file name is wanted")
    return form


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


def _pillow_image(pixels: Tensor, alpha: Tensor | None, *, keep_alpha: bool) -> Image.Image:
    height, width = pixels.shape[-2:]
    image = Image.new("RGBA" if alpha is not None and keep_alpha else "RGB", (width, height))
    for top, bottom in bands((height, width)):
        rows = pixels[:, :, top:bottom]
        if alpha is not None:
            alpha_rows = alpha[:, :, top:bottom].to(rows)
            rows = torch.cat([rows, alpha_rows], 1) if keep_alpha else over_white(rows, alpha_rows)
        values = quantised_rows(rows, 0, bottom - top, bits=8)
        image.paste(Image.fromarray(values), (0, top))
    return image


def _save_options(form: WritableFormat, metadata: Metadata, quality: int) -> dict[str, Any]:
    options = pillow_save_options(metadata, form.pillow_name)
    if form.pillow_name != "BMP":
        options["icc_profile"] = srgb_profile()
    full_chroma = quality >= _FULL_CHROMA_QUALITY
    if form.pillow_name == "JPEG" or form.pillow_name == "AVIF":
        options |= {"quality": quality, "subsampling": "4:4:4" if full_chroma else "4:2:0"}
    elif form.pillow_name == "WEBP":
        options |= {"quality": quality, "exact": True}  # colours under transparency are kept
    return options


@contextmanager
def _write_errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # encoders raise nearly anything
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{path}: cannot be written ({reason}); check the folder, its permissions and the "
            "space on the disk"
        ) from error
