"""Picture files of any size, decoded as they are read: by libvips, an optional package.

Pillow decodes a picture as a whole. What is done to the samples (profile, alpha, depth) is the same
as there; only the decoder differs.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from impasto.errors import ImageError
from impasto.media.color_profiles import to_srgb
from impasto.media.decoding import DecodedPicture, float_conversion
from impasto.media.deep_samples import convert_colors
from impasto.media.metadata import metadata_of, orientation
from impasto.media.opening import opened
from impasto.media.samples import RowReader, Samples

_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
_COLORS = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3}  # libvips' names -> channels
_EXTRA_SAMPLES, _PREMULTIPLIED = 338, 1  # a TIFF tag, and a value of it
_CACHE_BYTES = 50_000_000
_TURNS = {
    2: ("fliphor",),
    3: ("rot180",),
    4: ("flipver",),
    5: ("rot90", "fliphor"),
    6: ("rot90",),
    7: ("rot90", "flipver"),
    8: ("rot270",),
}


@contextmanager
def streamed_file(path: Path, max_pixels: int) -> Iterator[DecodedPicture]:
    """What `decoded_file` gives, for files that memory does not suffice for: to be read downwards.

    JPEG, PNG, TIFF and WebP of 8 or 16 bits, grey or RGB, with or without alpha. Raises ImageError,
    which names the file, for others, and if the package is not installed.
    """
    with opened(path, max_pixels) as header:
        vips = _vips(path)
        tags = getattr(header, "tag_v2", {})
        if header.format not in _FORMATS or tags.get(_EXTRA_SAMPLES) == (_PREMULTIPLIED,):
            raise _unknown(path, f"{header.format} file, mode {header.mode}")
        turn, icc = orientation(header), header.info.get("icc_profile")
        # an upright picture is read once from top to bottom, others by way of libvips' own files
        access = "sequential" if turn == 1 else "random"
        image = vips.Image.new_from_file(str(path), access=access, fail_on="error")
        colors = _COLORS.get(str(image.interpretation))
        if image.format not in ("uchar", "ushort") or colors is None:
            raise _unknown(path, f"{image.interpretation}, {image.format}")
        if image.bands not in (colors, colors + 1):
            raise _unknown(path, f"{image.interpretation} of {image.bands} channels")
        for name in _TURNS.get(turn, ()):
            image = getattr(image, name)()
        yield DecodedPicture(
            rows=_rows(vips, image, colors, icc),
            size_hw=(image.height, image.width),
            channels=image.bands,
            bits=16 if image.format == "ushort" else 8,
            gray=colors == 1,
            metadata=metadata_of(header),
        )


def _vips(path: Path) -> Any:
    try:
        vips = importlib.import_module("pyvips")
    except (ImportError, OSError) as error:  # OSError: without the library that it is for
        raise ImageError(
            f"{path}: is too large to be decoded in the memory that may be used; allow more, or "
            "have it read in parts by pyvips: pip install 'impasto[large]'"
        ) from error
    vips.cache_set_max_mem(_CACHE_BYTES)
    return vips


def _unknown(path: Path, what: str) -> ImageError:
    return ImageError(
        f"{path}: is too large to be decoded in the memory that may be used, and of a kind that is "
        f"not read in parts ({what}); allow more, or save it as RGB in PNG or TIFF"
    )


def _rows(vips: Any, image: Any, colors: int, icc: bytes | None) -> RowReader:
    region = vips.Region.new(image)
    deep = image.format == "ushort"
    dtype, most = (np.uint16, 65535) if deep else (np.uint8, 255)
    convert = float_conversion(icc, gray=colors == 1) if deep else None

    def read(top: int, bottom: int) -> Samples:
        data = region.fetch(0, top, image.width, bottom - top)
        rows: Any = np.frombuffer(data, dtype).reshape(bottom - top, image.width, image.bands)
        if icc and not deep:
            part = np.ascontiguousarray(rows[..., 0] if colors == 1 else rows[..., :3])
            planes = np.asarray(to_srgb(Image.fromarray(part), icc)).reshape(*rows.shape[:2], -1)
            rows = np.concatenate([planes, rows[..., colors:]], axis=-1)
        samples: Samples = rows.astype(np.float32) / np.float32(most)
        return convert_colors(samples, convert)

    return read
