"""Resizing by bands of rows against resizing at once."""

import pytest
import torch

from impasto.media import resize
from impasto.media.resizing import resampled_rows


@pytest.mark.parametrize(
    ("size_hw", "wanted_hw"),
    [
        ((30, 40), (77, 103)),
        ((77, 103), (30, 40)),
        ((5, 300), (2, 90)),
        ((1, 1), (9, 7)),
        ((8, 8), (8, 8)),
        ((400, 3), (100, 1)),
    ],
)
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_bands_are_the_resized_picture(
    size_hw: tuple[int, int], wanted_hw: tuple[int, int], rows: int
) -> None:
    pixels = torch.rand(1, 3, *size_hw, generator=torch.Generator().manual_seed(0))
    bands = [
        resampled_rows(
            lambda start, stop: pixels[:, :, start:stop],
            size_hw,
            wanted_hw,
            top,
            min(top + rows, wanted_hw[0]),
        )
        for top in range(0, wanted_hw[0], rows)
    ]
    torch.testing.assert_close(torch.cat(bands, 2), resize(pixels, wanted_hw), rtol=0, atol=1e-5)
