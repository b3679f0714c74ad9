"""Pixel losses against hand-made cases, NumPy and numerical derivatives."""

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import PixelLoss, pixel_loss
from impasto.losses.pixel import PIXEL_KINDS, PixelKind


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


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_pixel_module_gives_the_function(kind: PixelKind) -> None:
    output, target = torch.rand(2, 1, 3, 4, 4).unbind()
    assert torch.equal(PixelLoss(kind)(output, target), pixel_loss(output, target, kind=kind))


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
    with pytest.raises(OptionError, match="kind 'l3'"):
        PixelLoss("l3")  # type: ignore[arg-type]
