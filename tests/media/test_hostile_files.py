"""Files that are damaged, lying or not pictures: the right pixels, or an ImageError naming them."""

import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from impasto.errors import ImageError
from impasto.media import read_picture

FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"]


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(99))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_size(data: bytes, form: str, width: int, height: int) -> bytes:
    """Rewrite the size in the header of a JPEG, GIF or BMP file."""
    changed = bytearray(data)
    if form == "GIF":
        struct.pack_into("<HH", changed, 6, width, height)
        place = data.index(b"\x2c\0\0\0\0") + 5
        struct.pack_into("<HH", changed, place, width, height)
    elif form == "BMP":
        struct.pack_into("<ii", changed, 18, width, height)
    else:
        place = data.index(b"\xff\xc0\x00\x11") + 5
        struct.pack_into(">HH", changed, place, height, width)
    return bytes(changed)


@pytest.mark.parametrize("form", FORMATS)
def test_a_truncated_file_is_refused(tmp_path, noise8, encoded, form) -> None:
    path = tmp_path / "cut.img"
    data = encoded(Image.fromarray(noise8), form)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"cut\.img"):
        read_picture(path)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kept", [4, 12, 20, 33])
def test_a_file_cut_inside_its_header_is_refused(tmp_path, noise8, encoded, form, kept) -> None:
    path = tmp_path / "stub.img"
    path.write_bytes(encoded(Image.fromarray(noise8), form)[:kept])
    with pytest.raises(ImageError, match=r"stub\.img"):
        read_picture(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.png", b"This is not a picture at all.\n" * 9, "not a picture"),
        ("zeros.jpg", bytes(1000), "not a picture"),
        ("page.jpg", b"<html><body>404 Not Found</body></html>", "not a picture"),
        ("vector.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        ("print.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ],
)
def test_what_is_not_a_picture_is_refused(tmp_path, name, content, reason) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError, match=f"{name}.*{reason}"):
        read_picture(path)


def test_a_folder_and_a_missing_file_are_named(tmp_path) -> None:
    with pytest.raises(ImageError, match=f"{tmp_path}: is a folder"):
        read_picture(tmp_path)
    with pytest.raises(ImageError, match=r"nowhere\.png: no such file"):
        read_picture(tmp_path / "nowhere.png")
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=r"below\.png"):
        read_picture(tmp_path / "file" / "below.png")


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_refused(tmp_path, form) -> None:
    path = tmp_path / "moving.img"
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    frames[0].save(path, form, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"moving\.img: is an animation"):
        read_picture(path)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, noise8, encoded, form) -> None:
    path = tmp_path / "bomb.img"
    small = encoded(Image.fromarray(noise8), form)
    wide = png_claiming(40_000, 40_000) if form == "PNG" else with_size(small, form, 40_000, 40_000)
    path.write_bytes(wide)
    with pytest.raises(ImageError, match=r"bomb\.img: 40000 x 40000 is 1600 megapixels"):
        read_picture(path)


def test_refusing_a_bomb_costs_no_memory(tmp_path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(40_000, 40_000))
    code = f"try: read_picture({str(path)!r})\nexcept ImageError: pass"
    assert _peak_growth(code) < 20


def test_a_12_megapixel_photo_costs_little_more_than_its_tensor(tmp_path) -> None:
    path, target = tmp_path / "photo.jpg", tmp_path / "copy.jpg"
    Image.new("RGB", (4000, 3000), "teal").save(path)
    tensor = 4000 * 3000 * 3 * 4 / 2**20  # 137 MiB
    eight_bits = 4000 * 3000 * 4 / 2**20  # Pillow keeps four bytes a pixel
    code = f"picture = read_picture({str(path)!r}); write_picture({str(target)!r}, picture.pixels)"
    assert _peak_growth(code) < tensor + eight_bits + 60


def _peak_growth(code: str) -> float:
    """MiB by which running `code` raises a fresh process's peak memory."""
    script = f"""
import resource, torch
from impasto.errors import ImageError
from impasto.media import read_picture, write_picture
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
{code}
print(peak() - before)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(run.stdout)


def test_the_pixel_limit_is_an_argument(tmp_path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (20, 10)).save(path)
    assert read_picture(path, max_pixels=200).pixels.shape == (1, 3, 10, 20)
    with pytest.raises(ImageError, match=r"picture\.png: 20 x 10"):
        read_picture(path, max_pixels=199)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF", "JPEG"])
def test_pillows_own_limit_neither_warns_nor_refuses(
    tmp_path, noise8, encoded, form, monkeypatch
) -> None:
    path = tmp_path / "large.img"
    path.write_bytes(encoded(Image.fromarray(noise8), form))
    monkeypatch.setattr("impasto.media.samples._BAND_PIXELS", 23)  # crops are checked as well
    for limit in (300, 100):  # 437 pixels: Pillow would warn above one limit, refuse above two
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert read_picture(path).pixels.shape == (1, 3, 19, 23)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_pillows_global_state_is_left_alone(tmp_path, noise8) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(noise8).save(path)
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    read_picture(path)
    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    assert after == before


def test_threads_leave_the_warning_filters_as_they_were(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "picture.tif"
    Image.fromarray(noise8).save(path)
    before, good = list(warnings.filters), []

    def work() -> None:
        good.extend(torch.equal(read_picture(path).pixels, as_tensor(noise8)) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 160
    assert list(warnings.filters) == before


def test_damaged_exif_does_not_hide_the_pixels(tmp_path, smooth8) -> None:
    clean, path = tmp_path / "clean.jpg", tmp_path / "picture.jpg"
    Image.fromarray(smooth8).save(clean)
    damaged = [b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0nonsense", b"Exif\0\0", b"Exif\0\0MM"]
    damaged.append(b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(60)))
    for exif in damaged:
        Image.fromarray(smooth8).save(path, exif=exif)
        picture = read_picture(path)
        assert torch.equal(picture.pixels, read_picture(clean).pixels)


def test_an_orientation_that_does_not_exist_is_ignored(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "picture.png"
    exif = Image.Exif()
    exif[274] = 77
    Image.fromarray(noise8).save(path, exif=exif)
    assert torch.equal(read_picture(path).pixels, as_tensor(noise8))


def test_a_text_chunk_that_unpacks_to_too_much_is_refused_by_name(tmp_path) -> None:
    path = tmp_path / "texts.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * (2 * PngImagePlugin.MAX_TEXT_CHUNK), zip=True)
    Image.new("RGB", (2, 2)).save(path, pnginfo=info)
    with pytest.raises(ImageError, match=r"texts\.png"):
        read_picture(path)


def test_a_long_plain_text_chunk_does_no_harm(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "texts.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * (4 * PngImagePlugin.MAX_TEXT_CHUNK))
    Image.fromarray(noise8).save(path, pnginfo=info)
    assert torch.equal(read_picture(path).pixels, as_tensor(noise8))


def test_a_wrong_checksum_is_refused(tmp_path, noise8, encoded) -> None:
    path = tmp_path / "checksum.png"
    data = bytearray(encoded(Image.fromarray(noise8), "PNG"))
    data[29] ^= 0xFF  # the last bytes of IHDR are its checksum
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"checksum\.png"):
        read_picture(path)


@pytest.mark.parametrize(
    "error", [MemoryError(), SyntaxError("broken"), struct.error("x"), OverflowError(), EOFError()]
)
def test_whatever_pillow_raises_becomes_an_image_error(
    tmp_path, noise8, monkeypatch, error: Exception
) -> None:
    path = tmp_path / "unlucky.png"
    Image.fromarray(noise8).save(path)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(ImageError, match=r"unlucky\.png") as caught:
        read_picture(path)
    assert caught.value.__cause__ is error


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    form=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=6),
    value=st.integers(0, 255),
    cut=st.floats(0.1, 1),
)
def test_damaged_bytes_give_a_picture_or_an_image_error(
    tmp_path: Path, encoded: Callable[..., bytes], form, places, value, cut
) -> None:
    path = tmp_path / "damaged.img"
    image = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    data = bytearray(encoded(image, form))
    for place in places:
        data[int(place * len(data))] = value
    path.write_bytes(data[: max(1, int(cut * len(data)))])
    try:
        picture = read_picture(path, max_pixels=1_000_000)
    except ImageError as error:
        named = str(error).startswith(str(path))
    else:
        named = True
        assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1  # NaN fails this too
    assert named
