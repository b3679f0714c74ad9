"""The bicubic enlargement inside networks against MATLAB's arithmetic and PyTorch's."""

import pytest
import torch

from impasto.media import imresize
from impasto.networks.bicubic import enlarge


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_inside_it_is_matlabs_bicubic(factor: int) -> None:
    image = torch.rand(2, 3, 9, 12, dtype=torch.float64)
    wanted = imresize(image, (9 * factor, 12 * factor))
    found = enlarge(image, factor)
    inside = slice(2 * factor, -2 * factor)
    assert torch.allclose(found[..., inside, inside], wanted[..., inside, inside], atol=1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_at_the_border_it_repeats_the_edge(factor: int) -> None:
    image = torch.rand(1, 1, 5, 6, dtype=torch.float64)
    padded = torch.nn.functional.pad(image, (4,) * 4, mode="replicate")
    wanted = enlarge(padded, factor)[..., 4 * factor : -4 * factor, 4 * factor : -4 * factor]
    assert torch.allclose(enlarge(image, factor), wanted, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_a_flat_image_stays_flat_and_a_ramp_a_ramp(factor: int) -> None:
    assert torch.allclose(enlarge(torch.full((1, 3, 1, 1), 0.3), factor), torch.tensor(0.3))
    ramp = torch.arange(12, dtype=torch.float64).expand(1, 1, 12, 12)
    steps = enlarge(ramp, factor)[0, 0, 0].diff()[3 * factor : -3 * factor]
    assert torch.allclose(steps, torch.full_like(steps, 1 / factor), atol=1e-12)


def test_it_stays_in_float32_under_autocast() -> None:
    image = torch.rand(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = enlarge(image.bfloat16(), 2)
    assert found.dtype == torch.float32
    assert torch.allclose(found, enlarge(image.bfloat16().float(), 2))
