"""From samples to a picture file, or to a Pillow image. Never imports torch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from impasto.errors import ImageError, ImpastoError
from impasto.files.atomic import atomic_path
from impasto.media.color_profiles import srgb_profile
from impasto.media.formats import WRITABLE_FORMATS, WritableFormat
from impasto.media.metadata import EXIF_PREFIX
from impasto.media.opening import pillow_warnings_ignored
from impasto.media.picture import Metadata
from impasto.media.png_writer import XMP_KEYWORD, write_png
from impasto.media.samples import ArraySamples, InColor, SampleRows, bands
from impasto.media.tiff_writer import write_tiff

_JPEG_SEGMENT_BYTES = 65_500  # what fits beside the segment's own headers
_FULL_CHROMA_QUALITY = 90  # from here on colour is kept at full resolution (4:4:4)


def write_array(
    path: Path | str,
    array: NDArray[np.unsignedinteger[Any]],
    *,
    bits: int = 8,
    metadata: Metadata | None = None,
    quality: int = 95,
) -> None:
    """Write (H, W, C) sRGB samples of uint8 or uint16, row by row, as `write_picture` does.

    C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA). PNG and TIFF are written from the array
    itself; other formats take a copy of 1 to 4 bytes a pixel. Grey stays grey where the format can
    (PNG, TIFF, JPEG). Raises ImageError as `write_picture` does.
    """
    good = array.ndim == 3 and array.dtype in (np.uint8, np.uint16)
    if not good or min(array.shape) < 1 or array.shape[2] > 4:
        raise ImageError(
            f"{path}: wanted (H, W, 1 to 4) of uint8 or uint16; got {array.shape} {array.dtype}"
        )
    samples = ArraySamples(array=array)
    write_samples(Path(path), samples, bits=bits, metadata=metadata, quality=quality, own_png=True)


def check_target(path: Path | str, size_hw: tuple[int, int]) -> None:
    """Raise ImageError, which names the file, if its format cannot hold a picture of that size.

    For asking before the work; the writing functions ask too.
    """
    path = Path(path)
    form = format_of(path)
    height, width = size_hw
    if max(size_hw) > form.max_side:
        remedy = "a smaller size" if form.pillow_name in ("PNG", "TIFF") else "PNG or TIFF"
        raise ImageError(
            f"{path}: {width} x {height} px; {form.pillow_name} holds at most {form.max_side} px "
            f"a side, choose {remedy}"
        )


def write_samples(
    path: Path,
    samples: SampleRows,
    *,
    bits: int,
    metadata: Metadata | None,
    quality: int,
    own_png: bool,
    token: str = "",
) -> None:
    """What `write_array` and `write_picture` share; own_png: row by row, not by Pillow.

    token: see `atomic_path`.
    """
    if bits not in (8, 16) or not 1 <= quality <= 100:
        raise ImageError(f"{path}: bits={bits}, quality={quality}; wanted 8 or 16, and 1 to 100")
    check_target(path, samples.size_hw)
    form = format_of(path)
    bits = bits if form.deep else 8
    metadata = metadata or Metadata()
    if samples.channels < 3 and not _holds_gray(form, samples.channels, bits):
        samples = InColor(samples=samples)
    with (
        _write_errors_named(path),
        pillow_warnings_ignored(),
        atomic_path(path, token) as temporary,
    ):
        if form.pillow_name == "TIFF":
            write_tiff(temporary, samples, bits=bits, icc=srgb_profile(), metadata=metadata)
        elif form.pillow_name == "PNG" and own_png:
            write_png(temporary, samples, bits=bits, icc=srgb_profile(), metadata=metadata)
        else:
            image = pillow_image(samples, keep_alpha=form.alpha)
            options = _save_options(form, metadata, quality)
            if image.mode == "L":
                del options["icc_profile"]  # it is one for colours
            image.save(temporary, format=form.pillow_name, **options)


def _holds_gray(form: WritableFormat, channels: int, bits: int) -> bool:
    if form.pillow_name == "TIFF":  # many readers, Pillow too, do not know deep grey with alpha
        return channels == 1 or bits == 8
    return form.pillow_name in ("PNG", "JPEG")


def format_of(path: Path) -> WritableFormat:
    """By the suffix. Raises ImageError for others, and for folders."""
    form = WRITABLE_FORMATS.get(path.suffix.lower())
    if form is None:
        given = f"the suffix {path.suffix!r}" if path.suffix else "a name without a suffix"
        raise ImageError(
            f"{path}: cannot write {given}; choose one of {', '.join(sorted(WRITABLE_FORMATS))}"
        )
    if path.is_dir():
        raise ImageError(f"{path}: is a folder; a file name is wanted")
    return form


def pillow_image(samples: SampleRows, *, keep_alpha: bool = True) -> Image.Image:
    """An 8-bit Pillow image: L, LA, RGB or RGBA; colours are tagged sRGB.

    Alpha is kept, or else composited onto white.
    """
    height, width = samples.size_hw
    has_alpha = samples.channels in (2, 4)
    mode = "L" if samples.channels < 3 else "RGB"
    if has_alpha and keep_alpha:
        mode += "A"
    image = Image.new(mode, (width, height))
    for top, bottom in bands((height, width)):
        rows: NDArray[Any]
        if has_alpha and not keep_alpha:
            deep = samples.rows(top, bottom, bits=16).astype(np.float32) / np.float32(65535)
            colors = 1 - (1 - deep[..., :-1]) * deep[..., -1:]  # in coded sRGB values
            rows = (colors * 255).round().astype(np.uint8)
        else:
            rows = samples.rows(top, bottom, bits=8)
        image.paste(Image.fromarray(rows[..., 0] if mode == "L" else rows), (0, top))
    if samples.channels >= 3:
        image.info["icc_profile"] = srgb_profile()
    return image


def _save_options(form: WritableFormat, metadata: Metadata, quality: int) -> dict[str, Any]:
    """Keyword arguments for Pillow's save.

    JPEG has room for 64 KB of EXIF and as much XMP; a larger block is left out there. BMP holds
    the resolution only.
    """
    options: dict[str, Any] = {}
    if metadata.dpi and form.pillow_name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = metadata.dpi
    if form.pillow_name == "BMP":
        return options
    options["icc_profile"] = srgb_profile()
    room = _JPEG_SEGMENT_BYTES if form.pillow_name == "JPEG" else math.inf
    if metadata.exif and len(metadata.exif) <= room:
        options["exif"] = EXIF_PREFIX + metadata.exif
    if metadata.xmp and len(metadata.xmp) <= room:
        if form.pillow_name == "PNG":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            text = metadata.xmp.decode("utf-8", "replace")
            options["pnginfo"].add_itxt(XMP_KEYWORD, text)
        else:
            options["xmp"] = metadata.xmp
    full_chroma = quality >= _FULL_CHROMA_QUALITY
    if form.pillow_name in ("JPEG", "AVIF"):
        options |= {"quality": quality, "subsampling": "4:4:4" if full_chroma else "4:2:0"}
    elif form.pillow_name == "WEBP":
        options |= {"quality": quality, "exact": True}  # colours under transparency are kept
    return options


@contextmanager
def _write_errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except ImpastoError:
        raise
    except Exception as error:  # encoders raise nearly anything
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{path}: cannot be written ({reason}); check the folder, its permissions and the "
            "space on the disk"
        ) from error
