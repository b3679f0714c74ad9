"""A PNG writer for 16 bits per sample, which Pillow has for grey only.

Source: Portable Network Graphics (third edition), sections 5, 9 and 11.
"""

import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from torch import Tensor

from impasto.media.picture import Metadata
from impasto.media.samples import bands, quantised_rows

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _RGBA = 2, 6
_SUB = 1  # the filter: each sample minus the one to its left
_INCHES_PER_METRE = 1 / 0.0254


def write_png_16bit(path: Path, channels: Tensor, *, icc: bytes, metadata: Metadata) -> None:
    """(1, 3 or 4, H, W) in [0, 1], alpha last -> 16 bits per sample."""
    _, count, height, width = channels.shape
    color_type = _RGBA if count == 4 else _RGB
    with path.open("wb") as stream:
        stream.write(_SIGNATURE)
        _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))
        _chunk(stream, b"iCCP", b"sRGB\0\0" + zlib.compress(icc))
        if metadata.dpi:
            x, y = (round(dpi * _INCHES_PER_METRE) for dpi in metadata.dpi)
            _chunk(stream, b"pHYs", struct.pack(">IIB", x, y, 1))
        if metadata.exif:
            _chunk(stream, b"eXIf", metadata.exif)
        if metadata.xmp:
            _chunk(stream, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
        packer = zlib.compressobj(6)
        for top, bottom in bands((height, width)):
            _chunk(stream, b"IDAT", packer.compress(_filtered(channels, top, bottom)))
        _chunk(stream, b"IDAT", packer.flush())
        _chunk(stream, b"IEND", b"")


def _filtered(channels: Tensor, top: int, bottom: int) -> bytes:
    """Rows as PNG wants them before compression: big-endian, filtered, filter type in front."""
    values = quantised_rows(channels, top, bottom, bits=16)
    rows = values.astype(">u2").reshape(bottom - top, -1).view(np.uint8)
    pixel_bytes = 2 * channels.shape[1]
    filtered = np.empty((bottom - top, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + pixel_bytes] = rows[:, :pixel_bytes]
    np.subtract(rows[:, pixel_bytes:], rows[:, :-pixel_bytes], out=filtered[:, 1 + pixel_bytes :])
    return filtered.tobytes()


def _chunk(stream: IO[bytes], name: bytes, data: bytes) -> None:
    if name == b"IDAT" and not data:  # the compressor was still collecting
        return
    stream.write(struct.pack(">I", len(data)) + name + data)
    stream.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))
