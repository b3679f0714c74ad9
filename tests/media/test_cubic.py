"""One cubic kernel for arrays and tensors."""

import subprocess
import sys

import numpy as np
import torch

from impasto.media.cubic import keys_cubic


def test_the_kernel_at_its_known_points() -> None:
    points = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
    wanted = np.array([1.0, 0.5625, 0.0, -0.0625, 0.0, 0.0])
    np.testing.assert_allclose(keys_cubic(points), wanted, atol=1e-12)
    np.testing.assert_array_equal(keys_cubic(torch.from_numpy(points)).numpy(), keys_cubic(points))


def test_it_is_smooth_and_its_weights_add_up_to_1() -> None:
    points = np.linspace(-0.5, 0.5, 101)[:, None] + np.arange(-3, 4)
    np.testing.assert_allclose(keys_cubic(points).sum(1), 1, atol=1e-12)
    for knot in (1.0, 2.0):
        beside = knot + np.array([-1e-6, 1e-6])
        np.testing.assert_allclose(keys_cubic(beside), 0, atol=1e-6)


def test_it_needs_no_torch() -> None:
    script = "import sys, impasto.media.cubic; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
