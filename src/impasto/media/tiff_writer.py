"""TIFF files, strip by strip, by `tifffile`: 16 bits per sample and BigTIFF, which Pillow has not.

It writes no EXIF directories; those are Pillow's, put before the picture.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import IFD

from impasto.media.metadata import EXIF_PREFIX
from impasto.media.picture import Metadata
from impasto.media.samples import SampleRows, bands

_XMP = 700  # a tag
_DEFLATE, _HORIZONTAL = 8, 2  # compression, and a predictor: each sample minus its left neighbour
_BYTE, _ASCII, _SHORT, _LONG = 1, 2, 3, 4  # types of values
# By name: by number `tifffile` refuses them, since it does not write what they point to.
_DIRECTORIES = {IFD.Exif: "ExifTag", IFD.GPSInfo: "GPSTag"}
_CLASSIC, _BIG = b"II*\0\0\0\0\0", b"II+\0\x08\0\0\0" + bytes(8)  # headers, little endian
# Larger pictures are written as BigTIFF: even unpacked, smaller ones end before TIFF's 2**32.
_LARGEST_TIFF_BYTES = 4_000_000_000

_Tag = tuple[int | str, int, int, str | bytes | int, bool]  # as `tifffile` takes them


def write_tiff(
    path: Path, samples: SampleRows, *, bits: int, icc: bytes, metadata: Metadata
) -> None:
    """Write 8 or 16 bits per sample, losslessly compressed; grey gets no `icc`, one for colours.

    From 4 GB of samples on it is a BigTIFF.
    """
    import tifffile  # only pictures that are written as TIFF need it

    (height, width), channels = samples.size_hw, samples.channels
    big = height * width * channels * bits // 8 > _LARGEST_TIFF_BYTES
    exif = Image.Exif()
    if metadata.exif:
        exif.load(EXIF_PREFIX + metadata.exif)
    with (
        path.open("wb") as stream,
        tifffile.TiffWriter(stream, bigtiff=big, byteorder="<") as writer,
    ):
        places = list(_write_directories(stream, exif, big=big))
        writer.write(
            _strips(samples, bits),
            shape=(height, width, channels) if channels > 1 else (height, width),
            dtype=f"u{bits // 8}",
            photometric="rgb" if channels >= 3 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            rowsperstrip=next(bands((height, width)))[1],
            compression=_DEFLATE,
            predictor=_HORIZONTAL,
            resolution=metadata.dpi,
            resolutionunit="inch" if metadata.dpi else None,
            iccprofile=icc if channels >= 3 else None,
            extratags=[*_tags(exif, metadata.xmp), *places],
            metadata=None,  # its own, a description in JSON
            software=False,  # nor its name
        )


def _strips(samples: SampleRows, bits: int) -> Iterator[bytes]:
    for top, bottom in bands(samples.size_hw):
        values = samples.rows(top, bottom, bits=bits)
        values[:, 1:] = np.diff(values, axis=1)  # wraps around, as the predictor is defined
        yield zlib.compress(values.astype(f"<u{bits // 8}").tobytes())


def _tags(exif: Image.Exif, xmp: bytes | None) -> Iterator[_Tag]:
    """XMP, and EXIF's first directory without its others."""
    for tag, value in exif.items():
        if tag in _DIRECTORIES:
            continue
        if isinstance(value, str):
            yield tag, _ASCII, 0, value.encode("ascii", "replace"), True
        elif isinstance(value, bytes):
            yield tag, _BYTE, len(value), value, True
        elif isinstance(value, int):
            yield tag, _SHORT if value < 2**16 else _LONG, 1, value, True
    if xmp:
        yield _XMP, _BYTE, len(xmp), xmp, True


def _write_directories(stream: IO[bytes], exif: Image.Exif, *, big: bool) -> Iterator[_Tag]:
    """Write those of `exif`; gives the tags that tell where they are."""
    for directory, name in _DIRECTORIES.items():
        if directory not in exif:
            continue
        entries = TiffImagePlugin.ImageFileDirectory_v2(_BIG if big else _CLASSIC, group=directory)
        for tag, value in exif.get_ifd(directory).items():
            entries[tag] = value
        place = stream.tell()
        data = entries.tobytes(place)
        stream.write(data + bytes(len(data) % 2))
        yield name, _LONG, 1, place, True
