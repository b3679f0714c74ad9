"""Tiles come together as the samples of a file."""

import numpy as np
import pytest
import torch

from impasto.engines.tiles import Box, whole
from impasto.painting.canvas import SampleCanvas


@pytest.mark.parametrize(("bits", "largest"), [(8, 255), (16, 65535)])
def test_tiles_are_rounded_into_their_place(bits: int, largest: int) -> None:
    canvas = SampleCanvas.blank((2, 3), 4, bits=bits)
    canvas.put(torch.zeros(1, 4, 2, 3), whole((2, 3)))
    part = torch.tensor([0.0, 0.3, 1.0]).view(1, 3, 1, 1)
    canvas.put(part, Box(top=1, bottom=2, left=2, right=3))
    canvas.put(torch.ones(1, 1, 1, 1), Box(top=0, bottom=1, left=0, right=1), channel=3)
    assert canvas.array[1, 2].tolist() == [0, round(0.3 * largest), largest, 0]
    assert canvas.array[0, 0].tolist() == [0, 0, 0, largest]
    assert np.count_nonzero(canvas.array) == 3
    seen = canvas.see(Box(top=1, bottom=2, left=2, right=3))[:, :3]
    assert (seen - part).abs().max() <= 0.5 / largest + 1e-7


def test_16_bits_are_narrowed_in_their_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.painting.canvas._BAND_VALUES", 1000)
    values = np.random.default_rng(0).integers(0, 65536, (37, 41, 3), dtype=np.uint16)
    expected = np.rint(values / 65535 * 255).astype(np.uint8)
    canvas = SampleCanvas(array=values.copy())
    narrow = canvas.narrowed()
    assert np.array_equal(narrow.array, expected)
    assert narrow.array.dtype == np.uint8
    assert narrow.array.base.nbytes <= values.nbytes // 2 + 1
    assert narrow.narrowed() is narrow


def test_a_canvas_is_reduced_like_a_picture() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 32, 64)
    canvas = SampleCanvas.blank((32, 64), 3, bits=8)
    canvas.put(ramp, whole((32, 64)))
    small = canvas.resized(16).array
    assert small.shape == (8, 16, 3)
    assert small.dtype == np.uint8
    inner = small[0, 2:-2, 0].astype(float)
    assert np.abs(inner - 255 * (np.arange(2, 14) * 4 + 1.5) / 63).max() <= 1
