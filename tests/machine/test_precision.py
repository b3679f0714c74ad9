"""Which images half precision and int8 are for, told by hand-made ones."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto.machine.precision import (
    _local_differences,
    has_parts,
    some_rows,
    suitable_precision,
)

SIDE = 64


def image(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """(H, W) -> (1, 3, H, W)."""
    return np.broadcast_to(rows.astype(np.float32), (1, 3, *rows.shape)).copy()


def noise(height: int = SIDE, width: int = SIDE) -> NDArray[np.float32]:
    return image(np.random.default_rng(0).integers(0, 256, (height, width)).astype(float))


RAMP = image(np.tile(np.linspace(0, 255, 512).round(), (SIDE, 1)))
DOT = image(np.zeros((SIDE, SIDE)))
DOT[..., 8, 20] = 255.0


def test_a_ramps_roughness_is_its_step_over_its_deviation() -> None:
    # 0 to 1 in n - 1 equal steps: neighbours differ by 1 / (n - 1), the deviation is 1 / sqrt(12)
    ramp = image(np.tile(np.linspace(0, 1, 1001), (8, 1)))
    roughness, peakedness = _local_differences(ramp)
    assert roughness == pytest.approx(12**0.5 / 1000, rel=0.01)
    assert peakedness == pytest.approx(1.0, rel=0.01)


def test_one_dots_peakedness_is_the_number_of_differences_over_those_that_are_not_0() -> None:
    # 8 rows of 63 differences are looked at; of them two are not 0
    assert _local_differences(DOT)[1] == pytest.approx(8 * 63 / 2)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_other_formats_are_left_as_they_are(precision: str) -> None:
    assert suitable_precision(RAMP, precision) == precision


def test_photos_and_noise_suit_every_format() -> None:
    for precision in ("bfloat16", "int8"):
        assert suitable_precision(noise(), precision) == precision


def test_a_soft_gradient_is_painted_in_float32() -> None:
    assert suitable_precision(RAMP, "bfloat16") == "float32"
    assert suitable_precision(RAMP, "int8") == "float32"


def test_what_a_few_pixels_make_is_not_painted_in_int8() -> None:
    assert suitable_precision(DOT, "int8") == "bfloat16"
    assert suitable_precision(DOT, "bfloat16") == "bfloat16"


def test_images_in_one_colour_suit_every_format() -> None:
    assert suitable_precision(np.full((1, 3, SIDE, SIDE), 77, np.float32), "int8") == "int8"


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 600), (31, 33), (2, 3)], ids=str)
def test_small_images_are_painted_in_float32(size_hw: tuple[int, int]) -> None:
    assert suitable_precision(noise(*size_hw), "int8") == "float32"


def test_a_single_column_is_compared_downwards() -> None:
    assert suitable_precision(noise(2000, 1), "bfloat16") == "bfloat16"


def test_the_least_suitable_image_of_several_decides() -> None:
    both = np.concatenate([noise(SIDE, 512), RAMP])
    assert suitable_precision(both, "bfloat16") == "float32"


def test_parts_of_levels_are_seen_and_rounding_is_not() -> None:
    levels = noise() / np.float32(255) * np.float32(255)
    assert not has_parts(levels)
    resized = Image.fromarray(noise()[0, 0]).resize((50, 50), Image.Resampling.BICUBIC)
    assert has_parts(image(np.asarray(resized)))


def test_few_rows_are_looked_at() -> None:
    assert some_rows(noise(64)).shape[2] == 8
    assert some_rows(noise(6400, 2)).shape[2] == 64
