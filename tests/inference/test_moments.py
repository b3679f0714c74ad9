"""Statistics over strips against NumPy in float64."""

import numpy as np
import pytest
import torch

from impasto.inference.moments import Moments


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_moments_of_strips_are_those_of_the_whole(rows: int, offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 5, 40, 30, generator=generator) + offset
    image *= torch.tensor([0.1, 1, 2, 5, 0]).view(1, 5, 1, 1)
    moments = Moments(5, image.device)
    for strip in image.split(rows, dim=2):
        moments.update(strip)
    exact = image.numpy().astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moments.variance(), exact.var(axis=(0, 2, 3)), rtol=1e-5, atol=1e-9)


def test_moments_of_half_precision_strips_are_not_rounded_to_half_precision() -> None:
    image = (torch.rand(1, 2, 64, 64) + 3).bfloat16()
    moments = Moments(2, image.device)
    for strip in image.split(5, dim=2):
        moments.update(strip)
    exact = image.double().numpy()
    np.testing.assert_allclose(moments.mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(moments.variance(), exact.var(axis=(0, 2, 3)), rtol=1e-5)


def test_a_single_pixel_counts_once() -> None:
    image = torch.tensor([1.0, 5.0, 9.0]).view(1, 1, 1, 3)
    moments = Moments(1, image.device)
    for part in torch.split(image, [1, 2], dim=3):
        moments.update(part)
    np.testing.assert_allclose(moments.mean, 5)
    np.testing.assert_allclose(moments.variance(), 32 / 3)
