"""Losses of pixels against hand-made cases, NumPy, SciPy and numerical derivatives."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from impasto.errors import OptionError
from impasto.losses import detail_loss, edge_loss, grid_loss, pixel_loss
from impasto.losses.pixel import DETAIL_SIGMA_PX, PIXEL_KINDS, PixelKind


def test_pixel_losses_by_hand() -> None:
    output = torch.tensor([0.0, 0.5, 1.0, 1.0], dtype=torch.float64).reshape(1, 1, 2, 2)
    target = torch.tensor([0.0, 0.5, 0.6, 0.7], dtype=torch.float64).reshape(1, 1, 2, 2)
    assert pixel_loss(output, target).item() == pytest.approx((0.16 + 0.09) / 4)
    assert pixel_loss(output, target, kind="absolute").item() == pytest.approx(0.7 / 4)
    # sqrt(0.4^2 + 0.3^2) = 0.5, and of equal pixels 0.3, less 0.3 each
    by_hand = (0.5 - 0.3 + np.sqrt(0.18) - 0.3) / 4
    loss = pixel_loss(output, target, kind="charbonnier", epsilon=0.3)
    assert loss.item() == pytest.approx(by_hand)


def test_squared_pixel_loss_agrees_with_numpy() -> None:
    output, target = torch.rand(2, 3, 3, 5, 6, dtype=torch.float64).unbind()
    wanted = np.mean((output.numpy() - target.numpy()) ** 2)
    np.testing.assert_allclose(pixel_loss(output, target).item(), wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_pixel_loss_derivatives_pass_gradcheck(kind: PixelKind) -> None:
    pair = torch.rand(2, 2, 3, 4, 5, dtype=torch.float64).requires_grad_().unbind()
    assert torch.autograd.gradcheck(lambda a, b: pixel_loss(a, b, kind=kind, epsilon=0.1), pair)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_pixel_loss_is_zero_at_identity_with_a_finite_gradient(kind: PixelKind) -> None:
    output = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = pixel_loss(output, output.detach().clone(), kind=kind)
    (gradient,) = torch.autograd.grad(loss, output)
    assert loss.item() == pytest.approx(0, abs=1e-9)
    assert torch.equal(gradient, torch.zeros_like(output))


def test_charbonnier_tends_to_absolute() -> None:
    output, target = torch.rand(2, 1, 3, 8, 8, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        pixel_loss(output, target, kind="charbonnier", epsilon=1e-9),
        pixel_loss(output, target, kind="absolute"),
    )


def test_half_precision_pixels_are_compared_in_float32() -> None:
    output, target = torch.rand(2, 1, 3, 32, 32).bfloat16().unbind()
    loss = pixel_loss(output, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), (output.double() - target.double()).square().mean())


def test_nonsense_is_refused() -> None:
    image = torch.zeros(1, 3, 4, 4)
    with pytest.raises(OptionError, match="same shape"):
        pixel_loss(image, torch.zeros(1, 3, 4, 5))
    with pytest.raises(OptionError, match="epsilon"):
        pixel_loss(image, image, kind="charbonnier", epsilon=0.0)
    with pytest.raises(OptionError, match="kind 'l3'"):
        pixel_loss(image, image, kind="l3")  # type: ignore[arg-type]


def test_detail_is_the_square_of_what_scipys_gaussian_removes() -> None:
    chance = torch.Generator().manual_seed(2)
    output, target = torch.rand(2, 2, 3, 17, 14, generator=chance, dtype=torch.float64)
    difference = (output - target).numpy()
    sigma = (0, 0, DETAIL_SIGMA_PX, DETAIL_SIGMA_PX)
    blurred = gaussian_filter(difference, sigma, mode="nearest", radius=(0, 0, 3, 3))
    wanted = np.square(difference - blurred).mean()
    assert float(detail_loss(output, target)) == pytest.approx(float(wanted), rel=1e-10)


def test_levels_cost_no_detail_and_fine_waves_most() -> None:
    flat = torch.zeros(1, 1, 32, 240, dtype=torch.float64)
    assert float(detail_loss(flat + 0.5, flat)) < 1e-20
    costs = []
    for period in (2.8, 6.0, 24.0):
        wave = torch.sin(2 * math.pi * torch.arange(240, dtype=torch.float64) / period)
        share = detail_loss(wave.expand(1, 1, 32, 240), flat) / wave.square().mean()
        wanted = (1 - math.exp(-2 * (math.pi * DETAIL_SIGMA_PX / period) ** 2)) ** 2
        assert float(share) == pytest.approx(wanted, abs=0.02)
        costs.append(float(share))
    assert costs[0] > 3 * costs[1] > 9 * costs[2]


def test_the_detail_gradient_is_right() -> None:
    output = torch.rand(1, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 2, 6, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: detail_loss(x, target), output)


def test_detail_is_added_up_in_float32_under_autocast() -> None:
    output, target = torch.rand(2, 1, 3, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        found = detail_loss(output, target)
    assert found.dtype == torch.float32
    assert torch.equal(found, detail_loss(output, target))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_stamped_pattern_costs_its_variance(factor: int) -> None:
    pattern = torch.rand(1, 3, factor, factor, dtype=torch.float64)
    output = pattern.repeat(1, 1, 8, 8)
    wanted = pattern.flatten(2).var(dim=2, correction=0).mean()
    assert float(grid_loss(output, torch.zeros_like(output), factor=factor)) == pytest.approx(
        float(wanted)
    )


def test_on_the_grid_other_levels_and_the_same_picture_cost_nothing() -> None:
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


def test_the_grid_gradient_is_right() -> None:
    output = torch.rand(1, 1, 10, 12, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 1, 10, 12, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: grid_loss(x, target, factor=2), output)


def test_small_pictures_and_factor_1_have_no_grid() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert float(grid_loss(image, image * 0, factor=2)) == 0
    assert float(grid_loss(image, image * 0, factor=1)) == 0


def test_sizes_off_the_grid_are_refused() -> None:
    image = torch.rand(1, 3, 9, 8)
    with pytest.raises(OptionError, match="factor 4"):
        grid_loss(image, image, factor=4)


def test_a_tint_along_the_edges_costs_its_square() -> None:
    plain = torch.rand(2, 3, 64, 96)
    framed = plain.clone()
    framed[..., :16, :] += 0.1
    framed[..., -16:, :] += 0.1
    framed[..., 16:-16, :16] += 0.1
    framed[..., 16:-16, -16:] += 0.1
    assert float(edge_loss(framed, plain)) == pytest.approx(0.01, rel=1e-4)
    assert float(edge_loss(plain, plain)) == 0


def test_farther_from_the_edges_everything_is_free() -> None:
    plain = torch.rand(1, 3, 64, 64)
    other = plain.clone()
    other[..., 16:-16, 16:-16] = 0
    assert float(edge_loss(other, plain)) == 0


def test_along_edges_strokes_at_other_places_cost_little_and_a_tint_as_strong_much() -> None:
    chance = torch.Generator().manual_seed(0)
    plain = torch.zeros(4, 3, 128, 128)
    strokes = torch.randn(plain.shape, generator=chance) / 10
    assert float(edge_loss(strokes, plain)) == pytest.approx(0.01 / 64, rel=0.1)
    assert float(edge_loss(plain + 0.1, plain)) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (9, 40), (64, 67)])
def test_edges_of_any_size_and_their_gradient(size: tuple[int, int]) -> None:
    chance = torch.Generator().manual_seed(1)
    output = torch.rand(1, 1, *size, generator=chance, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 1, *size, generator=chance, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: edge_loss(x, target), output, fast_mode=True)


def test_edges_in_half_precision_are_summed_in_float32() -> None:
    image = torch.rand(1, 3, 32, 32).bfloat16()
    assert edge_loss(image, image * 0).dtype == torch.float32


def test_edges_of_unequal_shapes_are_refused() -> None:
    with pytest.raises(OptionError, match="same shape"):
        edge_loss(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 40))
