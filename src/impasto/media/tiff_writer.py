"""A TIFF writer: 16 bits per sample and EXIF directories, which Pillow cannot both write.

Source: TIFF revision 6.0, sections 2, 7, 8, 14 and 18 (baseline grey and RGB, strips, predictor 2).
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import TiffImagePlugin, TiffTags

from impasto.errors import ImageError
from impasto.media.metadata import tiff_tags
from impasto.media.picture import Metadata
from impasto.media.sample_rows import SampleRows
from impasto.media.samples import bands

# Tags, in the order of their numbers.
_WIDTH, _HEIGHT, _BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES_PER_PIXEL, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _PREDICTOR = 282, 283, 296, 317
_EXTRA_SAMPLES, _ICC = 338, 34675
_DEFLATE, _GRAY, _RGB, _INCH, _HORIZONTAL, _PLAIN_ALPHA = 8, 1, 2, 2, 2, 2
_LAST_OFFSET = 2**32 - 1


def write_tiff(
    path: Path, samples: SampleRows, *, bits: int, icc: bytes, metadata: Metadata
) -> None:
    """Write 8 or 16 bits per sample, losslessly compressed; grey gets no `icc`, one for colours.

    Raises ImageError if the file would pass 4 GiB, the end of what TIFF can address.
    """
    height, width = samples.size_hw
    offsets, sizes = [], []
    strips = list(bands((height, width)))
    with path.open("wb") as stream:
        stream.write(struct.pack("<2sHI", b"II", 42, 0))  # the directory's place follows below
        for top, bottom in strips:
            values = samples.rows(top, bottom, bits=bits)
            values[:, 1:] = np.diff(values, axis=1)  # wraps around, as the predictor is defined
            packed = zlib.compress(values.astype(f"<u{bits // 8}").tobytes())
            offsets.append(stream.tell())
            sizes.append(len(packed))
            stream.write(packed + bytes(len(packed) % 2))
            if stream.tell() > _LAST_OFFSET:
                raise ImageError(f"{path}: would pass 4 GiB, the limit of TIFF; choose PNG")
        directory = _directory(samples, bits=bits, icc=icc, metadata=metadata)
        directory[_ROWS_PER_STRIP] = strips[0][1]
        directory.tagtype[_STRIP_OFFSETS] = TiffTags.LONG
        directory[_STRIP_OFFSETS] = tuple(offsets)
        directory[_STRIP_BYTES] = tuple(sizes)
        place = stream.tell()
        stream.write(_with_strip_offsets(directory.tobytes(place), place, offsets))
        stream.seek(4)
        stream.write(struct.pack("<I", place))


def _directory(
    samples: SampleRows, *, bits: int, icc: bytes, metadata: Metadata
) -> TiffImagePlugin.ImageFileDirectory_v2:
    height, width = samples.size_hw
    count = samples.channels
    directory = tiff_tags(metadata)
    directory[_WIDTH] = width
    directory[_HEIGHT] = height
    directory[_BITS_PER_SAMPLE] = (bits,) * count
    directory[_COMPRESSION] = _DEFLATE
    directory[_PHOTOMETRIC] = _GRAY if count < 3 else _RGB
    directory[_SAMPLES_PER_PIXEL] = count
    directory[_PREDICTOR] = _HORIZONTAL
    if count >= 3:
        directory[_ICC] = icc
    if count in (2, 4):
        directory[_EXTRA_SAMPLES] = _PLAIN_ALPHA
    if metadata.dpi:
        directory[_X_RESOLUTION], directory[_Y_RESOLUTION] = metadata.dpi
        directory[_RESOLUTION_UNIT] = _INCH
    return directory


def _with_strip_offsets(directory: bytes, place: int, offsets: list[int]) -> bytes:
    """Put the strips' places back in: Pillow moves them, expecting strips behind the directory."""
    fixed = bytearray(directory)
    (count,) = struct.unpack_from("<H", fixed)
    for entry in range(2, 2 + 12 * count, 12):
        if struct.unpack_from("<H", fixed, entry)[0] == _STRIP_OFFSETS:
            # A single value stands in the entry itself, several stand elsewhere.
            (elsewhere,) = struct.unpack_from("<I", fixed, entry + 8)
            start = entry + 8 if len(offsets) == 1 else elsewhere - place
            struct.pack_into(f"<{len(offsets)}I", fixed, start, *offsets)
    return bytes(fixed)
