"""The grid loss: blind to details and levels, sharp-eyed for a pattern stamped on every sample."""

import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import grid_loss


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_stamped_pattern_costs_its_variance(factor: int) -> None:
    pattern = torch.rand(1, 3, factor, factor, dtype=torch.float64)
    output = pattern.repeat(1, 1, 8, 8)
    wanted = pattern.flatten(2).var(dim=2, correction=0).mean()
    assert float(grid_loss(output, torch.zeros_like(output), factor=factor)) == pytest.approx(
        float(wanted)
    )


def test_other_levels_and_the_same_picture_cost_nothing() -> None:
    target = torch.rand(2, 3, 24, 28)
    assert float(grid_loss(target, target, factor=4)) == 0
    assert float(grid_loss(target + 0.25, target, factor=4)) < 1e-12


def test_details_without_a_period_cost_a_twenty_fifth_of_a_stamped_pattern() -> None:
    chance = torch.Generator().manual_seed(1)
    noise = torch.randn(8, 3, 160, 160, generator=chance)
    stamped = noise[..., :4, :4].repeat(1, 1, 40, 40)
    flat = torch.zeros_like(noise)
    free = grid_loss(noise, flat, factor=4) / noise.var()
    fixed = grid_loss(stamped, flat, factor=4) / stamped.var()
    assert float(free / fixed) == pytest.approx(1 / 25, rel=0.1)


def test_the_gradient_is_right() -> None:
    output = torch.rand(1, 1, 10, 12, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 1, 10, 12, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: grid_loss(x, target, factor=2), output)


def test_small_pictures_and_factor_1_have_none() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert float(grid_loss(image, image * 0, factor=2)) == 0
    assert float(grid_loss(image, image * 0, factor=1)) == 0


def test_sizes_off_the_grid_are_refused() -> None:
    image = torch.rand(1, 3, 9, 8)
    with pytest.raises(OptionError, match="factor 4"):
        grid_loss(image, image, factor=4)
