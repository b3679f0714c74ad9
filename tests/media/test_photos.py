"""Arrays, tensors, Pillow images and paths as photos."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError
from impasto.media.reading import as_picture

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
