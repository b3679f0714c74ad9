"""Writing: rounding, depth, alpha, atomic replacement, refusals."""

import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from impasto.errors import ImageError
from impasto.media import (
    WRITABLE_SUFFIXES,
    Metadata,
    Picture,
    check_target,
    read_picture,
    to_pil,
    write_array,
    write_picture,
)
from impasto.media.samples import ArraySamples
from impasto.media.writing import pillow_image

FAST = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FAST
@given(
    values=arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]))
    ),
    suffix=st.sampled_from(["png", "tif"]),
)
def test_8_bit_files_survive_a_round_trip_bit_for_bit(tmp_path, values, suffix) -> None:
    source, target = tmp_path / f"source.{suffix}", tmp_path / f"target.{suffix}"
    image = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    image.save(source)
    picture = read_picture(source)
    write_picture(target, picture.pixels, alpha=picture.alpha)
    with Image.open(target) as written:
        wanted = image.convert("RGBA" if values.shape[2] in (2, 4) else "RGB")
        assert written.mode == wanted.mode
        assert np.array_equal(np.asarray(written), np.asarray(wanted))


@FAST
@given(values=arrays.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_files_survive_a_round_trip_bit_for_bit(tmp_path, values, suffix) -> None:
    path = tmp_path / f"picture.{suffix}"
    pixels = torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1)[None]
    write_picture(path, pixels, bits=16)
    assert torch.equal(read_picture(path).pixels, pixels)


def test_values_are_clamped_and_rounded_to_the_nearest() -> None:
    row = torch.tensor([-0.3, 0.4 / 255, 0.6 / 255, 99.4 / 255, 99.6 / 255, 1.7])
    image = to_pil(row.expand(1, 3, 1, 6))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 99, 100, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_written(tmp_path, dtype) -> None:
    path = tmp_path / "picture.png"
    pixels = torch.tensor([0.0, 0.5, 1.0], dtype=dtype).view(1, 3, 1, 1).requires_grad_()
    write_picture(path, pixels)
    assert (read_picture(path).pixels.flatten() * 255).round().tolist() == [0, 128, 255]


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_alpha_becomes_white_where_the_format_has_none(tmp_path, suffix) -> None:
    path = tmp_path / f"picture.{suffix}"
    pixels = torch.zeros(1, 3, 16, 32)
    alpha = torch.ones(1, 1, 16, 32)
    alpha[..., 16:] = 0.4
    write_picture(path, pixels, alpha=alpha, quality=100)
    picture = read_picture(path)
    assert picture.alpha is None
    assert picture.pixels[..., 2].max() < 0.02
    assert picture.pixels[..., 29].mean().item() == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_is_put_back(tmp_path, noise8, as_tensor, suffix) -> None:
    path = tmp_path / f"picture.{suffix}"
    alpha = as_tensor(noise8[..., :1])
    write_picture(path, as_tensor(noise8), alpha=alpha)
    assert torch.equal(read_picture(path).alpha, alpha)


@pytest.mark.parametrize(("quality", "sampling"), [(95, (1, 1)), (90, (1, 1)), (89, (2, 2))])
def test_jpeg_keeps_full_color_resolution_from_quality_90(
    tmp_path, smooth8, as_tensor, quality, sampling
) -> None:
    path = tmp_path / "picture.jpg"
    write_picture(path, as_tensor(smooth8), quality=quality)
    with Image.open(path) as image:
        assert image.layer[0][1:3] == sampling


def test_quality_decides_the_size(tmp_path, noise8, as_tensor) -> None:
    sizes = []
    for quality in (30, 60, 95):
        write_picture(tmp_path / "picture.jpg", as_tensor(noise8), quality=quality)
        sizes.append((tmp_path / "picture.jpg").stat().st_size)
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_equal_pictures_are_equal_files(tmp_path, noise8, as_tensor, suffix, bits) -> None:
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        write_picture(path, as_tensor(noise8), bits=bits)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_folders_are_made_and_capital_suffixes_understood(tmp_path, noise8, as_tensor) -> None:
    path = tmp_path / "new" / "folder" / "PICTURE.PNG"
    write_picture(path, as_tensor(noise8))
    assert torch.equal(read_picture(path).pixels, as_tensor(noise8))


@pytest.mark.parametrize("name", ["picture.xyz", "picture", "picture.gif", "picture.heic"])
def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path, name) -> None:
    with pytest.raises(ImageError, match=name) as caught:
        write_picture(tmp_path / name, torch.zeros(1, 3, 2, 2))
    assert all(suffix in str(caught.value) for suffix in WRITABLE_SUFFIXES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("bits", [8, 16])
def test_nan_and_infinity_are_refused_and_the_old_file_stays(tmp_path, number, bits) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    pixels = torch.zeros(1, 3, 4, 4)
    pixels[0, 1, 2, 3] = number
    with pytest.raises(ImageError, match=r"picture\.png.*NaN"):
        write_picture(path, pixels, bits=bits)
    with pytest.raises(ImageError, match="alpha hold NaN"):
        write_picture(path, torch.zeros(1, 3, 4, 4), alpha=pixels[:, 1:2], bits=bits)
    with pytest.raises(ImageError, match="NaN"):
        to_pil(pixels)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("bits", [8, 16])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, bits) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ImageError, match=r"picture\.png.*No space left"):
        write_picture(path, torch.zeros(1, 3, 4, 4), bits=bits)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_cannot_be_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=r"picture\.png: cannot be written"):
        write_picture(tmp_path / "file" / "picture.png", torch.zeros(1, 3, 2, 2))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=r"folder\.png: is a folder"):
        write_picture(tmp_path / "folder.png", torch.zeros(1, 3, 2, 2))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission_is_named(tmp_path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match=r"picture\.png.*[Pp]ermission"):
        write_picture(tmp_path / "picture.png", torch.zeros(1, 3, 2, 2))
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    "shape", [(3, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4), (1, 4, 4, 4), (1, 3, 0, 4)]
)
def test_wrong_shapes_are_refused(tmp_path, shape) -> None:
    with pytest.raises(ImageError, match=r"\(1, 3, H, W\)"):
        write_picture(tmp_path / "picture.png", torch.zeros(shape))


def test_wrong_types_alphas_and_options_are_refused(tmp_path) -> None:
    path, pixels = tmp_path / "picture.png", torch.zeros(1, 3, 4, 4)
    with pytest.raises(ImageError, match="uint8"):
        write_picture(path, pixels.byte())
    with pytest.raises(ImageError, match="alpha"):
        write_picture(path, pixels, alpha=torch.zeros(1, 1, 4, 5))
    with pytest.raises(ImageError, match="bits=12"):
        write_picture(path, pixels, bits=12)
    with pytest.raises(ImageError, match="quality=0"):
        write_picture(path, pixels, quality=0)


@pytest.mark.parametrize(("suffix", "side"), [("webp", 16_384), ("jpg", 65_501)])
def test_a_picture_too_large_for_its_format_is_refused(tmp_path, suffix, side) -> None:
    with pytest.raises(ImageError, match=f"{side} x 1 px"):
        write_picture(tmp_path / f"long.{suffix}", torch.zeros(1, 3, 1, side))


def test_the_largest_sides_are_written(tmp_path) -> None:
    for suffix, side in [("webp", 16_383), ("jpg", 65_500)]:
        path = tmp_path / f"long.{suffix}"
        write_picture(path, torch.zeros(1, 3, 1, side))
        assert read_picture(path).pixels.shape == (1, 3, 1, side)


def test_a_picture_needs_only_its_pixels() -> None:
    picture = Picture(pixels=torch.zeros(1, 3, 2, 2))
    assert (picture.alpha, picture.bits, picture.gray) == (None, 8, False)


MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@FAST
@given(
    values=arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
    ),
    suffix=st.sampled_from(["png", "tif"]),
)
def test_8_bits_come_back_from_pillow_bit_for_bit(tmp_path, values, suffix) -> None:
    path = tmp_path / f"picture.{suffix}"
    write_array(path, values)
    with Image.open(path) as image:
        assert image.mode == MODES[values.shape[2]]
        assert np.array_equal(np.asarray(image).reshape(values.shape), values)
    assert pillow_image(ArraySamples(array=values)).tobytes() == values.tobytes()


def test_a_picture_of_many_bands_comes_back_whole(tmp_path) -> None:
    rows, columns = np.mgrid[0:5000, 0:700]
    values = np.stack([rows % 256, columns % 256, rows * columns % 251], -1).astype(np.uint8)
    write_array(tmp_path / "picture.png", values)
    with Image.open(tmp_path / "picture.png") as image:
        assert np.array_equal(np.asarray(image), values)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_come_back_bit_for_bit(tmp_path, rng, as_tensor, channels, suffix) -> None:
    values = rng.integers(0, 65536, (19, 23, channels), dtype=np.uint16)
    write_array(tmp_path / f"deep.{suffix}", values, bits=16)
    picture = read_picture(tmp_path / f"deep.{suffix}")
    assert picture.bits == 16
    # Pillow does not know deep grey with alpha in TIFF, so it is written as colour.
    assert picture.gray == (channels == 1 or (channels == 2 and suffix == "png"))
    colors = values[..., : 3 if channels > 2 else 1]
    assert (picture.pixels == as_tensor(colors)).all()
    assert (picture.alpha is None) == (channels in (1, 3))
    if picture.alpha is not None:
        assert (picture.alpha == as_tensor(values[..., -1:])).all()


def test_depths_are_converted_to_the_nearest_level(tmp_path) -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    write_array(tmp_path / "a.png", deep, bits=8)
    with Image.open(tmp_path / "a.png") as image:
        wanted = np.rint(deep[..., 0] / 65535 * 255).astype(np.uint8)
        assert np.array_equal(np.asarray(image), wanted)
    flat = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    write_array(tmp_path / "b.tif", flat, bits=16)
    back = read_picture(tmp_path / "b.tif").pixels[0, 0].numpy() * 255
    assert np.abs(back - flat[..., 0]).max() < 1e-4


@pytest.mark.parametrize(("suffix", "mode"), [("jpg", "L"), ("webp", "RGB"), ("bmp", "RGB")])
def test_grey_stays_grey_where_the_format_can(tmp_path, suffix, mode) -> None:
    path = tmp_path / f"grey.{suffix}"
    write_array(path, np.full((16, 16, 1), 77, np.uint8))
    with Image.open(path) as image:
        assert image.mode == mode
        assert "icc_profile" not in image.info or mode == "RGB"
        assert np.abs(np.asarray(image).astype(int) - 77).max() <= 1


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_becomes_white_in_jpeg(tmp_path, channels) -> None:
    values = np.zeros((16, 16, channels), np.uint8)
    values[..., -1] = 102  # 0.4
    write_array(tmp_path / "picture.jpg", values, quality=100)
    with Image.open(tmp_path / "picture.jpg") as image:
        assert image.mode == MODES[channels - 1]
        assert np.abs(np.asarray(image).astype(int) - 153).max() <= 1


def test_the_array_is_not_changed(tmp_path, noise8) -> None:
    before = noise8.copy()
    for suffix in ("png", "tif", "jpg"):
        write_array(tmp_path / f"picture.{suffix}", noise8)
    assert np.array_equal(noise8, before)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_metadata_and_profile_are_written(tmp_path, noise8, suffix) -> None:
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    path = tmp_path / f"picture.{suffix}"
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), dpi=(300, 300))
    write_array(path, noise8, metadata=metadata)
    with Image.open(path) as image:
        assert image.getexif()[0x013B] == "A. Painter"
        assert round(float(image.info["dpi"][0])) == 300
        assert image.info["icc_profile"]


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_other_arrays_are_refused(tmp_path, array) -> None:
    with pytest.raises(ImageError, match="1 to 4"):
        write_array(tmp_path / "picture.png", array)


def test_whether_a_format_can_hold_a_size_is_told_beforehand() -> None:
    check_target("a.webp", (16_383, 16_383))
    check_target("a.png", (100_000, 1))
    with pytest.raises(ImageError, match=r"a\.webp: 1 x 16384 px.*choose PNG or TIFF"):
        check_target("a.webp", (16_384, 1))
    with pytest.raises(ImageError, match=r"cannot write the suffix '\.gif'"):
        check_target("a.gif", (1, 1))
