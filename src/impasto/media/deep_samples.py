"""Samples of more than 8 bits: how they are got out of Pillow, and brought to [0, 1].

Pillow has no image mode for 16-bit RGB. Its decoders, though, can be told to keep either byte of
each 16-bit sample ("RGB;16B": the first, "RGB;16L": the second). Decoding twice gives the high
and the low bytes as two 8-bit images: full precision for every PNG and TIFF layout and compression
that Pillow knows, at 8 bytes a pixel and without another dependency.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile

from impasto.errors import ImageError
from impasto.media.samples import RowReader, Samples, array_rows

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0  # a value of the latter
_FIRST_BYTE, _SECOND_BYTE = ";16B", ";16L"


@dataclass(frozen=True, kw_only=True)
class DeepLayout:
    """How a file lays out 16-bit samples: the decoder's raw mode for high and for low bytes."""

    high: str
    low: str | None  # None: `high` decodes grey + alpha with both bytes of each, as four channels
    premultiplied: bool = False


def deep_layout(image: ImageFile.ImageFile) -> DeepLayout | None:
    """The layout of a 16-bit colour (or grey + alpha) file that is not decoded yet, else None."""
    if image.format not in ("PNG", "TIFF") or image.mode not in ("RGB", "RGBA") or not image.tile:
        return None
    args = image.tile[0].args
    raw_mode = args if isinstance(args, str) else args[0] if isinstance(args, tuple) else None
    if not isinstance(raw_mode, str):
        return None
    if raw_mode == "LA;16B":
        return DeepLayout(high="RGBA", low=None)
    if len(raw_mode) == 1 and max(_tiff_tag(image, _BITS_PER_SAMPLE, (8,))) == 16:
        name, order = "", "L" if image.tag_v2.prefix == b"II" else "B"  # type: ignore[attr-defined]
    elif raw_mode[-4:-1] == ";16":
        name, order = raw_mode[:-4], raw_mode[-1]
    else:
        return None
    if order == "N":  # libtiff hands out samples in the machine's own order
        order = "L" if sys.byteorder == "little" else "B"
    high, low = (_SECOND_BYTE, _FIRST_BYTE) if order == "L" else (_FIRST_BYTE, _SECOND_BYTE)
    premultiplied = name == "RGBa"
    name = "RGBA" if premultiplied else name  # divide later, at full precision
    return DeepLayout(high=name + high, low=name + low, premultiplied=premultiplied)


def choose_raw_mode(image: ImageFile.ImageFile, raw_mode: str) -> None:
    """Make the decoder of a file that is not decoded yet unpack its samples as `raw_mode`."""
    tiles = []
    for tile in image.tile:
        args = tile.args
        # A file with a plane for each channel names the channel alone; the byte choice is added.
        if isinstance(args, tuple):
            name = str(args[0])
            chosen = name + raw_mode if raw_mode.startswith(";") else raw_mode
            tiles.append(tile._replace(args=(chosen, *args[1:])))
        else:
            tiles.append(tile._replace(args=raw_mode))
    image.tile = tiles


def rows_of_deep(
    high: Image.Image,
    low: Image.Image | None,
    *,
    premultiplied: bool,
    convert: Callable[[Samples], Samples] | None,
) -> RowReader:
    """Join the two decoded bytes; `convert` brings the colours (h, w, C) to sRGB."""
    key = high.info.get("transparency")

    def read(top: int, bottom: int) -> Samples:
        first = array_rows(high, top, bottom).astype(np.uint16)
        if low is None:
            values = first[..., 0::2] * 256 + first[..., 1::2]
        else:
            values = first * 256 + array_rows(low, top, bottom)
        samples = values.astype(np.float32) / np.float32(65535)
        if isinstance(key, tuple):  # PNG: this very colour is transparent
            opaque = (values != np.array(key)).any(axis=-1, keepdims=True)
            samples = np.concatenate([samples, opaque.astype(np.float32)], axis=-1)
        if premultiplied:
            colors, alpha = samples[..., :-1], samples[..., -1:]
            # fully transparent pixels stay 0
            plain = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0)
            samples = np.concatenate([np.minimum(plain, 1), alpha], axis=-1)
        return convert_colors(samples, convert)

    return read


def deep_channels(high: Image.Image, low: Image.Image | None) -> int:
    """How many channels `rows_of_deep` gives: 2, 3 or 4."""
    if low is None:
        return 2
    return 4 if high.mode == "RGBA" or "transparency" in high.info else 3


def rows_of_numbers(
    image: Image.Image, source: str, *, convert: Callable[[Samples], Samples] | None
) -> RowReader:
    """Read grey images of mode I;16, I (32-bit integers) and F (float32).

    16-bit values are divided by 65535 (4095 where the TIFF says 12 bits), and so are 32-bit
    integers, which mostly carry 16-bit data; floats are taken as they are. Raises ImageError if
    integers lie outside [0, 65535] or floats clearly outside [0, 1]: what is white is then unknown.
    """
    _check_range(image, source)
    scale = 1.0 if image.mode == "F" else 65535.0
    if max(_tiff_tag(image, _BITS_PER_SAMPLE, (16,))) == 12:
        scale = 4095.0
    inverted = image.mode.startswith("I;16") and _tiff_tag(image, _PHOTOMETRIC, (1,)) == (
        _WHITE_IS_ZERO,
    )
    key = image.info.get("transparency")

    def read(top: int, bottom: int) -> Samples:
        values = array_rows(image, top, bottom)
        if image.mode == "F" and np.isnan(values).any():
            raise ImageError(f"{source}: holds samples that are not numbers (NaN)")
        samples = np.clip(values.astype(np.float32) / np.float32(scale), 0, 1)
        if inverted:
            samples = 1 - samples
        if isinstance(key, int):
            samples = np.concatenate([samples, (values != key).astype(np.float32)], axis=-1)
        return convert_colors(samples, convert)

    return read


def convert_colors(samples: Samples, convert: Callable[[Samples], Samples] | None) -> Samples:
    """Apply `convert` to all channels but alpha: (h, w, 1 to 4)."""
    if convert is None:
        return samples
    if samples.shape[-1] in (1, 3):
        return convert(samples)
    return np.concatenate([convert(samples[..., :-1]), samples[..., -1:]], axis=-1)


def _check_range(image: Image.Image, source: str) -> None:
    if image.mode not in ("I", "F"):
        return
    low, high = image.getextrema()
    # Resampled pictures overshoot a little; that much is clipped.
    least, most = (0, 65535) if image.mode == "I" else (-0.5, 1.5)
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        raise ImageError(f"{source}: samples of mode {image.mode} without a range")
    if not (least <= low and high <= most):
        wanted = "0 to 65535" if image.mode == "I" else "0.0 to 1.0"
        raise ImageError(
            f"{source}: its samples run from {low:g} to {high:g}, wanted {wanted}; "
            "scale them, or save the picture with 8 or 16 bits"
        )


def _tiff_tag(image: Image.Image, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    tags = getattr(image, "tag_v2", None)
    value = default if tags is None else tags.get(tag, default)
    return value if isinstance(value, tuple) else (value,)
