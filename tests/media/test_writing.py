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
from impasto.media import WRITABLE_SUFFIXES, Picture, read_picture, to_pil, write_picture

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
