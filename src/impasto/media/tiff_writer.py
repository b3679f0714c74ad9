"""A TIFF writer: 16 bits per sample and EXIF directories, which Pillow cannot both write.

Source: TIFF revision 6.0, sections 2, 7, 8, 14 and 18 (baseline grey and RGB, strips, predictor 2).
"""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import TiffImagePlugin, TiffTags

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
# Larger pictures are written as BigTIFF: even unpacked, smaller ones end before TIFF's 2**32.
_LARGEST_TIFF_BYTES = 4_000_000_000


def write_tiff(
    path: Path, samples: SampleRows, *, bits: int, icc: bytes, metadata: Metadata
) -> None:
    """Write 8 or 16 bits per sample, losslessly compressed; grey gets no `icc`, one for colours.

    From 4 GB of samples on it is a BigTIFF, without EXIF: its own directory is addressed by 32 bits
    there.
    """
    height, width = samples.size_hw
    big = height * width * samples.channels * bits // 8 > _LARGEST_TIFF_BYTES
    if big:
        metadata = replace(metadata, exif=None)
    offsets, sizes = [], []
    strips = list(bands((height, width)))
    with path.open("wb") as stream:
        # the directory's place follows below
        stream.write(
            struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0)
            if big
            else struct.pack("<2sHI", b"II", 42, 0)
        )
        for top, bottom in strips:
            values = samples.rows(top, bottom, bits=bits)
            values[:, 1:] = np.diff(values, axis=1)  # wraps around, as the predictor is defined
            packed = zlib.compress(values.astype(f"<u{bits // 8}").tobytes())
            offsets.append(stream.tell())
            sizes.append(len(packed))
            stream.write(packed + bytes(len(packed) % 2))
        directory = _directory(samples, bits=bits, icc=icc, metadata=metadata, big=big)
        directory[_ROWS_PER_STRIP] = strips[0][1]
        directory.tagtype[_STRIP_OFFSETS] = TiffTags.LONG8 if big else TiffTags.LONG
        directory[_STRIP_OFFSETS] = tuple(offsets)
        directory[_STRIP_BYTES] = tuple(sizes)
        place = stream.tell()
        stream.write(_with_strip_offsets(directory.tobytes(place), place, offsets, big=big))
        stream.seek(8 if big else 4)
        stream.write(struct.pack("<Q" if big else "<I", place))


def _directory(
    samples: SampleRows, *, bits: int, icc: bytes, metadata: Metadata, big: bool
) -> TiffImagePlugin.ImageFileDirectory_v2:
    height, width = samples.size_hw
    count = samples.channels
    directory = tiff_tags(metadata, big=big)
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


def _with_strip_offsets(directory: bytes, place: int, offsets: list[int], *, big: bool) -> bytes:
    """Put the strips' places back in: Pillow moves them, expecting strips behind the directory."""
    fixed = bytearray(directory)
    number, head, length, value = ("Q", 8, 20, 12) if big else ("I", 2, 12, 8)
    (count,) = struct.unpack_from("<Q" if big else "<H", fixed)
    for entry in range(head, head + length * count, length):
        if struct.unpack_from("<H", fixed, entry)[0] == _STRIP_OFFSETS:
            # A single value stands in the entry itself, several stand elsewhere.
            (elsewhere,) = struct.unpack_from(f"<{number}", fixed, entry + value)
            start = entry + value if len(offsets) == 1 else elsewhere - place
            struct.pack_into(f"<{len(offsets)}{number}", fixed, start, *offsets)
    return bytes(fixed)
