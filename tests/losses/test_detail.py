"""The detail loss against SciPy's Gaussian, and its gradient."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from impasto.losses import detail_loss
from impasto.losses.detail import SIGMA_PX


def test_it_is_the_square_of_what_scipys_gaussian_removes() -> None:
    chance = torch.Generator().manual_seed(2)
    output, target = torch.rand(2, 2, 3, 17, 14, generator=chance, dtype=torch.float64)
    difference = (output - target).numpy()
    sigma = (0, 0, SIGMA_PX, SIGMA_PX)
    blurred = gaussian_filter(difference, sigma, mode="nearest", radius=(0, 0, 3, 3))
    wanted = np.square(difference - blurred).mean()
    assert float(detail_loss(output, target)) == pytest.approx(float(wanted), rel=1e-10)


def test_levels_cost_nothing_and_fine_waves_most() -> None:
    flat = torch.zeros(1, 1, 32, 240, dtype=torch.float64)
    assert float(detail_loss(flat + 0.5, flat)) < 1e-20
    costs = []
    for period in (2.8, 6.0, 24.0):
        wave = torch.sin(2 * math.pi * torch.arange(240, dtype=torch.float64) / period)
        share = detail_loss(wave.expand(1, 1, 32, 240), flat) / wave.square().mean()
        wanted = (1 - math.exp(-2 * (math.pi * SIGMA_PX / period) ** 2)) ** 2
        assert float(share) == pytest.approx(wanted, abs=0.02)
        costs.append(float(share))
    assert costs[0] > 3 * costs[1] > 9 * costs[2]


def test_the_gradient_is_right() -> None:
    output = torch.rand(1, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 2, 6, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: detail_loss(x, target), output)


def test_it_is_added_up_in_float32_under_autocast() -> None:
    output, target = torch.rand(2, 1, 3, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        found = detail_loss(output, target)
    assert found.dtype == torch.float32
    assert torch.equal(found, detail_loss(output, target))
