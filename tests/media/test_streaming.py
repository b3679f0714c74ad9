"""Files decoded in parts by libvips, against the same files decoded by Pillow as a whole."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from impasto.errors import ImageError
from impasto.media import write_picture
from impasto.media.decoding import decoded_file
from impasto.media.samples import bands
from impasto.media.streaming import streamed_file

GENERATOR = torch.Generator().manual_seed(6)
PIXELS = torch.rand(1, 3, 40, 61, generator=GENERATOR)
ALPHA = torch.rand(1, 1, 40, 61, generator=GENERATOR)


def samples(open_file: Any, path: Path) -> tuple[Any, np.ndarray[Any, Any]]:
    with open_file(path, 10**6) as decoded:
        rows = [
            decoded.rows(top, min(top + 9, decoded.size_hw[0]))
            for top in range(0, decoded.size_hw[0], 9)
        ]
        return decoded, np.concatenate(rows)


def check_equal(path: Path, *, within: float = 0.0) -> None:
    pytest.importorskip("pyvips")
    whole, expected = samples(decoded_file, path)
    parts, streamed = samples(streamed_file, path)
    for name in ("size_hw", "channels", "bits", "gray", "metadata"):
        assert getattr(parts, name) == getattr(whole, name), name
    np.testing.assert_allclose(streamed, expected, rtol=0, atol=within)
    assert list(bands(parts.size_hw))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [None, ALPHA])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_samples_are_those_of_pillow(
    tmp_path: Path, suffix: str, bits: int, alpha: torch.Tensor | None
) -> None:
    path = tmp_path / f"photo{suffix}"
    write_picture(path, PIXELS, alpha=alpha, bits=bits)
    check_equal(path)


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "photo.png"
    Image.fromarray((PIXELS[0].permute(1, 2, 0) * 255).byte().numpy()).save(path, exif=exif)
    check_equal(path)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_profiles_are_applied(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photo.png"
    image = Image.fromarray((PIXELS[0].permute(1, 2, 0) * 255).byte().numpy()).convert(mode)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = bytearray(profile)
    place = wide.find(b"XYZ \0\0\0\0", wide.find(b"rXYZ"))
    wide[place + 8 : place + 12] = (int(0.6 * 65536)).to_bytes(4, "big")  # a redder red
    image.save(path, icc_profile=bytes(wide))
    check_equal(path)


def test_tiled_bigtiff_is_read(tmp_path: Path) -> None:
    vips = pytest.importorskip("pyvips")
    path = tmp_path / "photo.tif"
    write_picture(tmp_path / "photo.png", PIXELS)
    image = vips.Image.new_from_file(str(tmp_path / "photo.png"))
    image.tiffsave(str(path), tile=True, tile_width=16, tile_height=16, bigtiff=True)
    assert path.read_bytes()[2] == 43
    check_equal(path)


def test_kinds_that_are_not_read_in_parts_say_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (20, 10)).save(path)
    with pytest.raises(ImageError, match=r"print\.jpg.*save it as RGB"), streamed_file(path, 1000):
        pass


def test_damage_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    path = tmp_path / "photo.png"
    write_picture(path, PIXELS)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ImageError, match=r"photo\.png"):
        samples(streamed_file, path)


def test_without_the_package_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    path = tmp_path / "photo.png"
    write_picture(path, PIXELS)
    with pytest.raises(ImageError, match=r"impasto\[large\]"), streamed_file(path, 10**6):
        pass
