"""From a picture file, or a Pillow image, to a Picture."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageFile

from impasto.media.alpha import split_alpha
from impasto.media.color_profiles import lookup_conversion, to_srgb
from impasto.media.deep_samples import (
    DeepLayout,
    choose_raw_mode,
    deep_channels,
    deep_layout,
    rows_of_deep,
    rows_of_numbers,
)
from impasto.media.matrix_profiles import parse_matrix_profile
from impasto.media.metadata import metadata_of, orientation
from impasto.media.opening import opened, read_errors_named
from impasto.media.picture import DEFAULT_MAX_PIXELS, Picture
from impasto.media.pillow_warnings import pillow_warnings_ignored
from impasto.media.samples import Samples, rows_of_8bit, tensors_from_rows

_GRAY_NUMBER_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def read_picture(path: Path | str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC file, whatever its suffix.

    The EXIF orientation is applied, colours are converted to sRGB by the embedded ICC profile (a
    damaged profile is ignored), alpha is split off, and 16-bit samples keep their precision; where
    a 16-bit picture has a profile made of lookup tables, its colours go through 8 bits. Of a TIFF
    with several pages, an MPO or a HEIC burst the first picture is read.

    Raises ImageError, which names the file, for anything that is not one whole still picture of
    at most `max_pixels` pixels. The limit is checked on the header, before memory is used.
    """
    path = Path(path)
    with opened(path, max_pixels) as image:
        layout = deep_layout(image)
        if layout is not None:
            return _read_deep(path, image, layout, max_pixels)
        _decode(image)
        return _picture(image, str(path))


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image -> Picture, treated as `read_picture` treats a file; `image` is not changed.

    Of an animation the present frame is taken. Pillow holds RGB with 8 bits at most, so 16-bit
    colour needs `read_picture`. Raises ImageError if the image's own file turns out damaged.
    """
    source = str(getattr(image, "filename", "") or f"image of mode {image.mode}")
    with read_errors_named(source), pillow_warnings_ignored():
        image.load()
        return _picture(image, source, owned=False)


def _decode(image: Image.Image) -> None:
    """Decode, without the process-wide pixel limit that Pillow applies to TIFF once more."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:  # an image that has its memory already is not checked
        image.im = Image.new(image.mode, (tags[256], tags[257])).im
    image.load()


def _upright(image: Image.Image, turn: int) -> Image.Image:
    """Apply an EXIF orientation, from 1 to 8."""
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(turn)
    return image if method is None else image.transpose(method)


def _picture(image: Image.Image, source: str, *, owned: bool = True) -> Picture:
    """From a decoded image of any mode; its memory is reused if it is `owned`."""
    metadata, turn = metadata_of(image), orientation(image)
    icc = image.info.get("icc_profile")
    gray = image.mode in ("1", "L", "LA", "La", *_GRAY_NUMBER_MODES)
    if image.mode in _GRAY_NUMBER_MODES:
        bits = 16
        upright = _upright(image, turn)
        rows = rows_of_numbers(upright, source, convert=_float_conversion(icc, gray=True))
        channels = 2 if isinstance(image.info.get("transparency"), int) else 1
    else:
        bits = 8
        colors, alpha = split_alpha(image)
        if colors is image and not owned:
            colors = image.copy()
        upright = to_srgb(_upright(colors, turn), icc)
        alpha = None if alpha is None else _upright(alpha, turn)
        rows = rows_of_8bit(upright, alpha)
        channels = len(upright.getbands()) + (alpha is not None)
    pixels, alpha_plane = tensors_from_rows(rows, (upright.height, upright.width), channels)
    return Picture(pixels=pixels, alpha=alpha_plane, bits=bits, gray=gray, metadata=metadata)


def _read_deep(
    path: Path, image: ImageFile.ImageFile, layout: DeepLayout, max_pixels: int
) -> Picture:
    """A 16-bit file of grey + alpha, RGB or RGBA: decoded once for each byte."""
    choose_raw_mode(image, layout.high)
    _decode(image)
    metadata, turn = metadata_of(image), orientation(image)
    high, low = _upright(image, turn), None
    if layout.low is not None:
        with opened(path, max_pixels) as again:
            choose_raw_mode(again, layout.low)
            _decode(again)
            low = _upright(again, turn)
    gray = layout.low is None
    icc = image.info.get("icc_profile")
    convert = _float_conversion(icc, gray=gray)
    rows = rows_of_deep(high, low, premultiplied=layout.premultiplied, convert=convert)
    size_hw = (high.height, high.width)
    pixels, alpha = tensors_from_rows(rows, size_hw, deep_channels(high, low))
    return Picture(pixels=pixels, alpha=alpha, bits=16, gray=gray, metadata=metadata)


def _float_conversion(icc: bytes | None, *, gray: bool) -> Callable[[Samples], Samples] | None:
    """Colours (h, w, C) in the profile's space -> sRGB; None where nothing has to change."""
    profile = parse_matrix_profile(icc) if icc else None
    if profile is not None:
        fits = (profile.matrix is None) == gray
        return profile.to_srgb if fits and not profile.is_srgb() else None
    return None if gray or not icc else lookup_conversion(icc)
