"""TIFF and BigTIFF, read back by readers not written by us."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from PIL.ExifTags import IFD, Base

from impasto.media import read_picture, tiff_writer, write_array, write_picture
from impasto.media.picture import Metadata

FIRST = {
    Base.ImageDescription: "a sea",
    Base.Artist: "Nobody at all",
    Base.Orientation: 1,
    Base.Rating: 3,
    Base.XPTitle: "Sea".encode("utf-16-le"),
}
CAMERA = {
    33434: 0.01,  # exposure time
    36864: b"0232",  # version
    36867: "2020:01:01 00:00:00",
    37380: -1 / 3,  # exposure bias
    37510: b"ASCII\0\0\0a comment",
    42034: (24.0, 70.0, 2.8, 2.8),
}
PLACE = {1: "N", 2: (52.0, 31.0, 3.5)}


def exif_block() -> bytes:
    exif = Image.Exif()
    for tag, value in FIRST.items():
        exif[tag] = value
    exif[IFD.Exif], exif[IFD.GPSInfo] = CAMERA, PLACE
    return exif.tobytes().removeprefix(b"Exif\0\0")


EXIF = exif_block()


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 5), (40, 61)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_large_pictures_become_bigtiff(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size_hw: tuple[int, int],
    bits: int,
    alpha: bool,
) -> None:
    monkeypatch.setattr(tiff_writer, "_LARGEST_TIFF_BYTES", 0)
    monkeypatch.setattr("impasto.media.samples._BAND_PIXELS", 200)  # several strips
    values = torch.rand(1, 4, *size_hw, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "large.tif"
    metadata = Metadata(exif=EXIF, xmp=b"<x/>", dpi=(300.0, 300.0))
    write_picture(
        path, values[:, :3], alpha=values[:, 3:] if alpha else None, bits=bits, metadata=metadata
    )
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        samples = file.asarray()
    wanted = (values[0, : 3 + alpha].permute(1, 2, 0) * (2**bits - 1)).round().numpy()
    np.testing.assert_array_equal(samples, wanted)
    again = read_picture(path)
    assert (again.bits, again.metadata.xmp, again.metadata.dpi) == (bits, b"<x/>", (300.0, 300.0))
    torch.testing.assert_close(again.pixels, values[:, :3], rtol=0, atol=0.51 / (2**bits - 1))
    assert_exif(path)


@pytest.mark.parametrize("bits", [8, 16])
def test_libvips_reads_the_samples_and_others_the_metadata(tmp_path: Path, bits: int) -> None:
    pyvips = pytest.importorskip("pyvips")
    samples = np.random.default_rng(0).integers(0, 2**bits, (37, 29, 4), f"u{bits // 8}")
    path = tmp_path / "picture.tif"
    metadata = Metadata(exif=EXIF, xmp=b"<x/>", dpi=(300.0, 72.5))
    write_array(path, samples, bits=bits, metadata=metadata)
    image = pyvips.Image.new_from_file(str(path))
    np.testing.assert_array_equal(image.numpy(), samples)
    assert image.xres * 25.4 == pytest.approx(300)
    assert image.yres * 25.4 == pytest.approx(72.5)
    assert image.get("xmp-data") == b"<x/>"
    assert_exif(path)


def test_only_tiff_files_need_the_library(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from impasto.media.writing import write_array; "
        f"write_array({str(tmp_path / 'a.png')!r}, np.zeros((2, 2, 3), np.uint8)); "
        "assert 'tifffile' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def assert_exif(path: Path) -> None:
    """As Pillow and `tifffile` read it."""
    with Image.open(path) as image:
        exif = image.getexif()
        assert {tag: exif[tag] for tag in FIRST} == FIRST
        assert exif.get_ifd(IFD.Exif) == CAMERA
        assert exif.get_ifd(IFD.GPSInfo) == PLACE
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        assert tags["Artist"].value == FIRST[Base.Artist]
        assert tags["ExifTag"].value["ExifVersion"] == "0232"
        assert tags["ExifTag"].value["ExposureTime"] == 0.01
        assert tags["GPSTag"].value["GPSLatitude"] == (52, 1, 31, 1, 7, 2)
