"""From a picture file, or a Pillow image, to its samples. Never imports torch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from impasto.media.color_profiles import lookup_conversion, parse_matrix_profile, to_srgb
from impasto.media.deep_samples import (
    DeepLayout,
    choose_raw_mode,
    deep_channels,
    deep_layout,
    rows_of_deep,
    rows_of_numbers,
)
from impasto.media.metadata import metadata_of, orientation
from impasto.media.opening import opened
from impasto.media.picture import Metadata
from impasto.media.samples import RowReader, Samples, rows_of_8bit

_GRAY_NUMBER_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
# Pillow's modes that carry alpha, with the mode that has it as a plain last channel.
_PLAIN_ALPHA_MODE = {
    "LA": "LA",
    "La": "LA",  # lower-case a: colours multiplied by alpha; the conversion divides it out again
    "PA": "RGBA",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
}


@dataclass(frozen=True, kw_only=True)
class DecodedPicture:
    """A picture, upright and in sRGB, whose `rows` are read a band at a time.

    channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. The rest as in `Picture`.
    """

    rows: RowReader
    size_hw: tuple[int, int]
    channels: int
    bits: int
    gray: bool
    metadata: Metadata


@contextmanager
def decoded_file(path: Path, max_pixels: int) -> Iterator[DecodedPicture]:
    """What `read_picture` reads; its errors are raised, too, by what is done in the block."""
    with opened(path, max_pixels) as image:
        layout = deep_layout(image)
        if layout is not None:
            yield _decoded_deep(path, image, layout, max_pixels)
        else:
            _decode(image)
            yield decoded_image(image, str(path))


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


def decoded_image(image: Image.Image, source: str, *, owned: bool = True) -> DecodedPicture:
    """From a decoded image of any mode; its memory is reused if it is `owned`."""
    metadata, turn = metadata_of(image), orientation(image)
    icc = image.info.get("icc_profile")
    gray = image.mode in ("1", "L", "LA", "La", *_GRAY_NUMBER_MODES)
    if image.mode in _GRAY_NUMBER_MODES:
        bits = 16
        upright = _upright(image, turn)
        rows = rows_of_numbers(upright, source, convert=float_conversion(icc, gray=True))
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
    return DecodedPicture(
        rows=rows,
        size_hw=(upright.height, upright.width),
        channels=channels,
        bits=bits,
        gray=gray,
        metadata=metadata,
    )


def _decoded_deep(
    path: Path, image: ImageFile.ImageFile, layout: DeepLayout, max_pixels: int
) -> DecodedPicture:
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
    convert = float_conversion(icc, gray=gray)
    return DecodedPicture(
        rows=rows_of_deep(high, low, premultiplied=layout.premultiplied, convert=convert),
        size_hw=(high.height, high.width),
        channels=deep_channels(high, low),
        bits=16,
        gray=gray,
        metadata=metadata,
    )


def float_conversion(icc: bytes | None, *, gray: bool) -> Callable[[Samples], Samples] | None:
    """Colours (h, w, C) in the profile's space -> sRGB; None where nothing has to change."""
    profile = parse_matrix_profile(icc) if icc else None
    if profile is not None:
        fits = (profile.matrix is None) == gray
        return profile.to_srgb if fits and not profile.is_srgb() else None
    return None if gray or not icc else lookup_conversion(icc)


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An 8-bit image of any mode -> (its colours without alpha, its alpha as mode "L" or None).

    Transparent palette entries and colour keys (PNG tRNS, GIF) become alpha too. The colours are
    in mode L, RGB, CMYK or LAB; those under full transparency stay as the file has them.
    """
    mode = _PLAIN_ALPHA_MODE.get(image.mode)
    if mode is None and "transparency" in image.info:
        mode = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}.get(image.mode)
    if mode is not None:
        image = image if image.mode == mode else image.convert(mode)
        return image.convert("L" if mode == "LA" else "RGB"), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None
