"""Arrays of samples to files: the writers of this package against Pillow's readers."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from impasto.errors import ImageError
from impasto.media import Metadata, array_to_pil, check_target, read_picture, write_array

FAST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    assert array_to_pil(values).tobytes() == values.tobytes()


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
