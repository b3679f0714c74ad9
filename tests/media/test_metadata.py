"""Orientation, EXIF, XMP and resolution."""

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.ExifTags import IFD, Base

from impasto.media import Metadata, from_pil, read_picture, write_picture

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="Sea"/></x:xmpmeta>'
WITH_METADATA = ["jpg", "png", "webp", "tif", "avif"]

# How a stored picture is turned to stand upright, by EXIF orientation (EXIF 2.32, tag 0x0112).
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


def rich_exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = "Camera & Co"
    exif[Base.Copyright] = "A. Painter"
    exif[IFD.Exif] = {
        Base.DateTimeOriginal: "2024:05:06 07:08:09",
        Base.ExifImageWidth: 4000,
        Base.ColorSpace: 65535,
    }
    exif[IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 30.0)}
    return exif


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pictures_are_turned_upright(tmp_path, noise8, as_tensor, orientation, suffix) -> None:
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(noise8).save(path, exif=rich_exif(orientation).tobytes())
    picture = read_picture(path)
    assert torch.equal(picture.pixels, as_tensor(UPRIGHT[orientation](noise8)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "CMYK"])
def test_every_mode_is_turned_with_its_alpha(noise8, mode) -> None:
    if mode == "I;16":
        stored = Image.fromarray(noise8[..., 0].astype(np.uint16))
    else:
        stored = Image.fromarray(noise8).convert("RGB").convert(mode)
    turned = stored.copy()
    turned.info["exif"] = rich_exif(6).tobytes()
    picture, flat = from_pil(turned), from_pil(stored)
    assert torch.equal(picture.pixels, flat.pixels.transpose(2, 3).flip(3))
    if flat.alpha is not None:
        assert torch.equal(picture.alpha, flat.alpha.transpose(2, 3).flip(3))


@pytest.mark.parametrize("suffix", WITH_METADATA)
@pytest.mark.parametrize("bits", [8, 16])
def test_metadata_survives_a_round_trip(tmp_path, smooth8, suffix, bits) -> None:
    source, target = tmp_path / "source.jpg", tmp_path / f"target.{suffix}"
    Image.fromarray(smooth8).save(source, exif=rich_exif(), xmp=XMP, dpi=(300, 200))
    picture = read_picture(source)
    write_picture(target, picture.pixels, bits=bits, metadata=picture.metadata)
    with Image.open(target) as image:
        assert image.size == (48, 64)  # upright, and so stored
        image.load()
        exif = image.getexif()
        assert exif.get(Base.Orientation, 1) == 1
        assert exif[Base.Make] == "Camera & Co"
        assert exif[Base.Copyright] == "A. Painter"
        assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2024:05:06 07:08:09"
        assert exif.get_ifd(IFD.GPSInfo)[2] == (48.0, 12.0, 30.0)
        if suffix not in ("webp", "avif"):
            assert image.info["dpi"] == pytest.approx((300, 200), abs=0.1)
        xmp = image.info["xmp"]
        assert b'dc:title="Sea"' in (xmp.encode() if isinstance(xmp, str) else xmp)
    again = read_picture(target).metadata
    assert again.xmp == XMP.replace(b'"6"', b'"1"')


def test_facts_that_became_untrue_are_dropped(tmp_path, smooth8) -> None:
    path = tmp_path / "source.jpg"
    Image.fromarray(smooth8).save(path, exif=rich_exif())
    exif = Image.Exif()
    exif.load(read_picture(path).metadata.exif)
    assert exif[Base.Orientation] == 1
    assert set(exif.get_ifd(IFD.Exif)) == {Base.DateTimeOriginal}


def test_the_thumbnail_is_dropped(tmp_path, smooth8) -> None:
    path = tmp_path / "source.jpg"
    # One directory with one entry (Make), then a second one, the thumbnail's.
    first = b"\x01\x00" + b"\x0f\x01\x02\x00\x04\x00\x00\x00Cam\x00" + (26).to_bytes(4, "little")
    second = b"\x01\x00" + b"\x03\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + bytes(4)
    block = b"Exif\0\0II*\0\x08\0\0\0" + first + second
    Image.fromarray(smooth8).save(path, exif=block)
    with Image.open(path) as image:
        assert image.getexif().get_ifd(IFD.IFD1)
    exif = Image.Exif()
    exif.load(read_picture(path).metadata.exif)
    assert exif[Base.Make] == "Cam"
    assert exif.get_ifd(IFD.IFD1) == {}


def test_metadata_is_written_only_on_request(tmp_path, smooth8, as_tensor) -> None:
    path = tmp_path / "plain.jpg"
    write_picture(path, as_tensor(smooth8))
    assert read_picture(path).metadata == Metadata()


def test_blocks_too_large_for_a_jpeg_are_left_out(tmp_path, smooth8, as_tensor) -> None:
    path = tmp_path / "plain.jpg"
    metadata = Metadata(exif=b"II*\0" + bytes(70_000), xmp=b"x" * 70_000)
    write_picture(path, as_tensor(smooth8), metadata=metadata)
    assert read_picture(path).metadata == Metadata()


def test_nonsense_resolutions_are_left_out(smooth8) -> None:
    for dpi in [(0, 0), (float("nan"), 72), (1e9, 72), "72", None, (72,), (1, 1)]:
        image = Image.fromarray(smooth8)
        image.info["dpi"] = dpi
        assert from_pil(image).metadata.dpi is None
