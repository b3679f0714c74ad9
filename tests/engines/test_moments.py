"""Statistics over tiles against NumPy in float64."""

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.engines.feature_maps import CELL_HW, Moments
from impasto.engines.tiles import split, whole


def moments_of(image: Tensor, tile_hw: tuple[int, int], *, whole_cells: bool = False) -> Moments:
    moments = Moments(image.shape[1], image.device)
    multiple = CELL_HW if whole_cells else 1
    for box in split(whole((image.shape[2], image.shape[3])), tile_hw, multiple=multiple):
        moments.update(box.of(image), box)
    return moments


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_moments_of_strips_are_those_of_the_whole(rows: int, offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 5, 40, 30, generator=generator) + offset
    image *= torch.tensor([0.1, 1, 2, 5, 0]).view(1, 5, 1, 1)
    moments = moments_of(image, (rows, 1000))
    exact = image.numpy().astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moments.variance(), exact.var(axis=(0, 2, 3)), rtol=1e-5, atol=1e-9)


def test_moments_of_half_precision_strips_are_not_rounded_to_half_precision() -> None:
    image = (torch.rand(1, 2, 64, 64) + 3).bfloat16()
    moments = moments_of(image, (5, 64))
    exact = image.double().numpy()
    np.testing.assert_allclose(moments.mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(moments.variance(), exact.var(axis=(0, 2, 3)), rtol=1e-5)


def test_a_single_pixel_counts_once() -> None:
    image = torch.tensor([1.0, 5.0, 9.0]).view(1, 1, 1, 3)
    moments = moments_of(image, (1, 2))
    np.testing.assert_allclose(moments.mean, 5)
    np.testing.assert_allclose(moments.variance(), 32 / 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_tiles_that_cut_no_cell_find_the_same_numbers(dtype: torch.dtype) -> None:
    image = torch.randn(1, 16, 150, 700, generator=torch.Generator().manual_seed(0)).to(dtype)
    image = image.contiguous(memory_format=torch.channels_last)
    one = moments_of(image, (1000, 1000))
    for tile_hw in [(32, 128), (64, 1000), (128, 256), (1000, 384)]:
        other = moments_of(image, tile_hw, whole_cells=True)
        assert torch.equal(other.mean.float(), one.mean.float())
        assert torch.equal(other.variance().float(), one.variance().float())
