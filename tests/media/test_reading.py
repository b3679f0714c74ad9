"""Formats and pixel modes: what each kind of file becomes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError
from impasto.media import from_pil, read_picture, to_pil
from impasto.media.reading import as_picture

LOSSLESS = [("png", "PNG"), ("tif", "TIFF"), ("bmp", "BMP"), ("tiff", "TIFF")]


@pytest.mark.parametrize(("suffix", "form"), LOSSLESS)
def test_lossless_files_give_their_values_divided_by_255(
    tmp_path, noise8, as_tensor, suffix, form
) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(noise8).save(path, form)
    picture = read_picture(path)
    assert torch.equal(picture.pixels, as_tensor(noise8))
    assert picture.pixels.dtype == torch.float32
    assert (picture.bits, picture.gray, picture.alpha) == (8, False, None)


@pytest.mark.parametrize(("suffix", "form"), [("jpg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")])
def test_lossy_files_agree_with_pillow(tmp_path, smooth8, as_tensor, suffix, form) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(smooth8).save(path, form, quality=90)
    with Image.open(path) as reference:
        wanted = as_tensor(np.asarray(reference.convert("RGB")))
    picture = read_picture(path)
    assert torch.equal(picture.pixels, wanted)
    assert (picture.pixels - as_tensor(smooth8)).abs().mean() < 0.02


def test_the_content_decides_and_not_the_suffix(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(noise8).save(path, "PNG")
    assert torch.equal(read_picture(path).pixels, as_tensor(noise8))


def test_a_path_may_be_given_as_text(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(noise8).save(path)
    assert torch.equal(read_picture(str(path)).pixels, as_tensor(noise8))


def test_one_pixel_is_a_picture(tmp_path) -> None:
    path = tmp_path / "dot.png"
    Image.new("RGB", (1, 1), (255, 0, 51)).save(path)
    assert read_picture(path).pixels.flatten().tolist() == pytest.approx([1, 0, 0.2])


def test_gray_is_repeated_into_three_channels(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "gray.png"
    Image.fromarray(noise8[..., 0]).save(path)
    picture = read_picture(path)
    assert picture.gray
    assert torch.equal(picture.pixels, as_tensor(noise8[..., :1]).expand(1, 3, -1, -1))


def test_gray_with_alpha_gives_both(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "la.png"
    Image.merge("LA", [Image.fromarray(noise8[..., i]) for i in (0, 1)]).save(path)
    picture = read_picture(path)
    assert picture.gray
    assert torch.equal(picture.pixels[:, :1], as_tensor(noise8[..., 0:1]))
    assert torch.equal(picture.alpha, as_tensor(noise8[..., 1:2]))


def test_one_bit_pictures_are_black_and_white(tmp_path) -> None:
    path = tmp_path / "bits.png"
    Image.fromarray(np.array([[True, False], [False, True]])).save(path)
    picture = read_picture(path)
    assert picture.gray
    assert picture.pixels[0, 2].tolist() == [[1, 0], [0, 1]]


def test_palettes_are_looked_up(tmp_path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 51, 255])
    image.putpixel((1, 0), 1)
    image.save(path)
    picture = read_picture(path)
    assert picture.pixels[0, :, 0, 0].tolist() == [1, 0, 0]
    assert picture.pixels[0, :, 0, 1].tolist() == pytest.approx([0, 0.2, 1])
    assert (picture.gray, picture.alpha) == (False, None)


def test_transparent_palette_entries_become_alpha(tmp_path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.save(path, transparency=bytes([255, 51]))
    picture = read_picture(path)
    assert picture.alpha.flatten().tolist() == pytest.approx([1, 0.2])
    assert picture.pixels[0, :, 0, 1].tolist() == [0, 0, 1]


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_transparent_color_key_becomes_alpha(tmp_path, mode) -> None:
    path = tmp_path / "key.png"
    image = Image.new("RGB", (2, 1), (255, 255, 255))
    image.putpixel((1, 0), (0, 0, 0))
    key = (0, 0, 0) if mode == "RGB" else 0
    image.convert(mode).save(path, transparency=key)
    picture = read_picture(path)
    assert picture.alpha.flatten().tolist() == [1, 0]
    assert picture.pixels[0, 0, 0].tolist() == [1, 0]


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("tif", {}), ("gif", {})])
def test_rgba_is_split_and_hidden_colors_stay(tmp_path, suffix, options) -> None:
    path = tmp_path / f"rgba.{suffix}"
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 255, 0))
    image.save(path, **options)
    picture = read_picture(path)
    assert picture.alpha.flatten().tolist() == [1, 0]
    assert picture.pixels[0, :, 0, 0].tolist() == [1, 0, 0]


def test_premultiplied_tiff_colors_are_divided_by_alpha(tmp_path) -> None:
    path = tmp_path / "premultiplied.tif"
    samples = np.array([[[64, 32, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0]]], np.uint8)
    tifffile.imwrite(path, samples, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(path)
    assert picture.pixels[0, :, 0, 0].tolist() == pytest.approx([0.5, 0.25, 0], abs=1 / 255)
    assert picture.pixels[0, :, 0, 1].tolist() == pytest.approx([10 / 255, 20 / 255, 30 / 255])
    assert picture.alpha.flatten().tolist() == pytest.approx([128 / 255, 1, 0])


def test_cmyk_jpeg_without_profile_shows_its_inks(tmp_path) -> None:
    path = tmp_path / "cmyk.jpg"
    # Pillow writes Adobe's inverted form: 0 % ink is stored as 255.
    image = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 0), (16, 0, 32, 16))
    image.save(path, quality=100)
    assert b"Adobe" in path.read_bytes()[:400]
    pixels = read_picture(path).pixels
    assert pixels[0, :, 8, 4].tolist() == pytest.approx([1, 1, 1], abs=0.02)
    assert pixels[0, :, 8, 28].tolist() == pytest.approx([0, 1, 1], abs=0.02)


def test_cmyk_tiff_agrees_with_pillow(tmp_path, rng, as_tensor) -> None:
    path = tmp_path / "cmyk.tif"
    image = Image.frombytes("CMYK", (7, 9), rng.bytes(4 * 7 * 9))
    image.save(path)
    assert torch.equal(read_picture(path).pixels, as_tensor(np.asarray(image.convert("RGB"))))


def test_lab_tiff_is_converted(tmp_path) -> None:
    path = tmp_path / "lab.tif"
    # L* = 100, a* = b* = 0 is white; in memory Pillow keeps a* and b* with 128 added.
    Image.new("LAB", (2, 2), (255, 128, 128)).save(path)
    assert read_picture(path).pixels.min() > 0.98


@pytest.mark.parametrize(("number", "wanted"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (1.2, 1.0)])
def test_float_tiffs_are_taken_as_they_are(tmp_path, number, wanted) -> None:
    path = tmp_path / "float.tif"
    Image.new("F", (3, 2), number).save(path)
    picture = read_picture(path)
    assert torch.equal(picture.pixels, torch.full((1, 3, 2, 3), wanted))
    assert (picture.gray, picture.bits) == (True, 16)


@pytest.mark.parametrize("number", [255.0, -3.0, float("nan"), float("inf")])
def test_float_tiffs_of_another_range_are_refused(tmp_path, number) -> None:
    path = tmp_path / "float.tif"
    image = Image.new("F", (3, 2), 0.5)
    image.putpixel((1, 1), number)
    image.save(path)
    with pytest.raises(ImageError, match=r"float\.tif.*(0\.0 to 1\.0|NaN)"):
        read_picture(path)


def test_32_bit_integers_are_taken_for_16_bit_values(tmp_path) -> None:
    path = tmp_path / "integers.tif"
    image = Image.new("I", (2, 1), 65535)
    image.putpixel((1, 0), 13107)
    image.save(path)
    picture = read_picture(path)
    assert picture.pixels[0, 0].tolist() == [[1, pytest.approx(0.2)]]
    assert picture.bits == 16


@pytest.mark.parametrize("number", [-1, 65536])
def test_32_bit_integers_beyond_16_bits_are_refused(tmp_path, number) -> None:
    path = tmp_path / "integers.tif"
    Image.new("I", (2, 1), number).save(path)
    with pytest.raises(ImageError, match=r"integers\.tif.*0 to 65535"):
        read_picture(path)


def test_the_first_page_of_a_tiff_is_read(tmp_path) -> None:
    path = tmp_path / "pages.tif"
    pages = [Image.new("RGB", (2, 2), color) for color in ("red", "blue")]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert read_picture(path).pixels[0, :, 0, 0].tolist() == [1, 0, 0]


def test_the_first_picture_of_an_mpo_is_read(tmp_path) -> None:
    path = tmp_path / "stereo.mpo"
    pages = [Image.new("RGB", (16, 16), color) for color in ("white", "black")]
    pages[0].save(path, "MPO", save_all=True, append_images=pages[1:])
    assert read_picture(path).pixels.min() > 0.99


def test_a_still_gif_is_read(tmp_path) -> None:
    path = tmp_path / "still.gif"
    Image.new("RGB", (3, 2), "lime").save(path)
    assert read_picture(path).pixels[0, :, 1, 2].tolist() == [0, 1, 0]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16", "YCbCr"])
def test_from_pil_equals_reading_the_saved_file(tmp_path, noise8, mode) -> None:
    source = Image.fromarray(noise8)
    if mode == "I;16":
        image = Image.fromarray(noise8[..., 0].astype(np.uint16) * 257)
    else:
        image = source.convert("RGB").convert(mode)
    path = tmp_path / "picture.tif"
    (image.convert("RGB") if mode == "YCbCr" else image).save(path)
    picture, wanted = from_pil(image), read_picture(path)
    assert torch.equal(picture.pixels, wanted.pixels)
    assert (picture.gray, picture.bits) == (wanted.gray, wanted.bits)
    assert (picture.alpha is None) == (wanted.alpha is None)


def test_from_pil_of_to_pil_gives_the_pixels_back(noise8, as_tensor) -> None:
    pixels, alpha = as_tensor(noise8), as_tensor(noise8[..., :1])
    picture = from_pil(to_pil(pixels, alpha))
    assert torch.equal(picture.pixels, pixels)
    assert torch.equal(picture.alpha, alpha)


def test_from_pil_names_the_file_of_an_image_that_turns_out_damaged(tmp_path, noise8) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(noise8).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with Image.open(path) as image, pytest.raises(ImageError, match=r"cut\.png"):
        from_pil(image)


def test_heic_without_its_package_names_the_extra(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(ImageError, match=r"photo\.heic.*impasto\[heic\]"):
        read_picture(path)


def test_heic_is_read_with_its_package(tmp_path: Path, smooth8, as_tensor) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(Image.fromarray(smooth8)).save(path, quality=95)
    picture = read_picture(path)
    assert (picture.pixels - as_tensor(smooth8)).abs().mean() < 0.02


RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


def test_an_array_of_8_bits_is_divided_by_255() -> None:
    picture = as_picture(RGB)
    assert (picture.bits, picture.alpha, picture.gray) == (8, None, False)
    np.testing.assert_allclose(picture.pixels[0].permute(1, 2, 0), RGB / 255, atol=1e-7)


def test_an_array_of_16_bits_is_divided_by_65535() -> None:
    picture = as_picture(np.full((2, 2, 3), 65535, np.uint16))
    assert picture.bits == 16
    assert torch.equal(picture.pixels, torch.ones(1, 3, 2, 2))


def test_a_path_a_pillow_image_an_array_and_a_tensor_are_the_same_photo(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    expected = as_picture(RGB).pixels
    tensor = torch.from_numpy(RGB.astype(np.float32) / 255).permute(2, 0, 1)
    forms: list[Any] = [
        tmp_path / "photo.png",
        str(tmp_path / "photo.png"),
        Image.fromarray(RGB),
        RGB.astype(np.float64) / 255,
        RGB[:, ::-1][:, ::-1],  # strides that torch does not take
        tensor,
        tensor[None].double().requires_grad_(),
    ]
    for form in forms:
        torch.testing.assert_close(as_picture(form).pixels, expected, rtol=0, atol=1e-6)


def test_a_grey_array_is_repeated_into_three_channels() -> None:
    picture = as_picture(RGB[..., 0])
    assert picture.gray
    assert picture.pixels.shape == (1, 3, 2, 3)
    assert torch.equal(picture.pixels[:, 0], picture.pixels[:, 2])


def test_the_fourth_channel_of_an_array_is_alpha() -> None:
    rgba = np.dstack([RGB, np.array([[0, 51, 255]] * 2, np.uint8)])
    picture = as_picture(rgba)
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha[0, 0, 0], [0, 0.2, 1], atol=1e-7)
    assert torch.equal(picture.pixels, as_picture(RGB).pixels)


def test_a_read_only_array_is_taken_and_left_alone() -> None:
    array = RGB.astype(np.float32) / 255
    array.flags.writeable = False
    as_picture(array).pixels.zero_()
    assert array.max() > 0


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 3), np.int64),
        np.zeros((2, 2, 3), bool),
        np.zeros((2, 2, 3), complex),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
        np.zeros(3, np.uint8),
        np.full((2, 2, 3), 255.0),
        np.full((2, 2, 3), -0.5),
        np.full((2, 2, 3), np.nan),
        np.full((2, 2), np.inf, np.float32),
    ],
)
def test_arrays_that_are_no_photos_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(ImageError, match="wanted"):
        as_picture(array)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, 3, 4, 4),
        torch.zeros(4, 4),
        torch.zeros(4, 4, 3),
        torch.zeros(1, 4, 4, 4),
        torch.zeros(3, 0, 4),
        torch.zeros(3, 4, 4, dtype=torch.uint8),
        torch.full((3, 4, 4), 255.0),
        torch.full((3, 4, 4), float("nan")),
    ],
)
def test_tensors_that_are_no_photos_are_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(ImageError, match="wanted"):
        as_picture(tensor)


@pytest.mark.parametrize("thing", [None, 3, b"bytes", [[0, 1]]])
def test_other_things_are_refused_by_their_type(thing: Any) -> None:
    with pytest.raises(ImageError, match=type(thing).__name__):
        as_picture(thing)
