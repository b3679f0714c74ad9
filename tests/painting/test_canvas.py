"""Planes hold samples; results are read from them as they will stand in a file."""

import numpy as np
import pytest

from impasto.engines.tiles import Box, whole
from impasto.painting.canvas import ArrayPlane, Canvas, to_samples
from impasto.painting.results import PlaneRows


@pytest.mark.parametrize(("bits", "largest"), [(8, 255), (16, 65535)])
def test_tiles_are_rounded_into_their_place(bits: int, largest: int) -> None:
    plane = ArrayPlane(np.zeros((2, 3, 4), f"uint{bits}"))
    part = np.array([0.0, 0.3, 1.0], np.float32).reshape(1, 3, 1, 1)
    plane.put(Box(top=1, bottom=2, left=2, right=3), part, 0)
    plane.put(Box(top=0, bottom=1, left=0, right=1), np.ones((1, 1, 1, 1), np.float32), 3)
    assert plane.array[1, 2].tolist() == [0, round(0.3 * largest), largest, 0]
    assert plane.array[0, 0].tolist() == [0, 0, 0, largest]
    assert np.count_nonzero(plane.array) == 3
    canvas = Canvas(plane=plane, bits=bits)
    assert canvas.has_alpha
    seen = canvas.see(Box(top=1, bottom=2, left=2, right=3))
    assert np.abs(seen - part).max() <= 0.5 / largest + 1e-7
    assert canvas.see_alpha(whole((2, 3)))[0, 0].tolist() == [[1, 0, 0], [0, 0, 0]]


def test_16_bits_are_rounded_to_8_as_they_are_read() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (37, 41, 3), dtype=np.uint16)
    expected = np.rint(values / 65535 * 255).astype(np.uint8)
    plane = ArrayPlane(values.copy())
    result = PlaneRows(plane=plane, bits=8, size_hw=(37, 41), tell=print)
    assert np.array_equal(result.rows(0, 37, bits=8), expected)
    assert np.array_equal(plane.array, values)  # reading leaves it as it is


def test_a_result_is_reduced_like_a_picture() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (1, 3, 32, 64))
    samples = to_samples(ramp, np.dtype(np.uint8))
    plane = ArrayPlane(np.ascontiguousarray(samples[0].transpose(1, 2, 0)))
    small = PlaneRows(plane=plane, bits=8, size_hw=(8, 16), tell=print).rows(0, 8, bits=8)
    assert small.shape == (8, 16, 3)
    inner = small[0, 2:-2, 0].astype(float)
    assert np.abs(inner - 255 * (np.arange(2, 14) * 4 + 1.5) / 63).max() <= 1
