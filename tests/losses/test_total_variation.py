"""Total variation against hand-made cases, NumPy and numerical derivatives."""

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import hole_tv, isotropic_tv, squared_tv, tv_loss
from impasto.losses.total_variation import TvKind

SQUARE = torch.tensor([[0.0, 0.3], [0.4, 0.4]], dtype=torch.float64).reshape(1, 1, 2, 2)


def test_squared_tv_by_hand() -> None:
    # down: 0.4 and 0.1; across: 0.3 and 0
    assert squared_tv(SQUARE).item() == pytest.approx(0.16 + 0.01 + 0.09 + 0)


def test_isotropic_tv_by_hand() -> None:
    # top left: sqrt(0.3^2 + 0.4^2); top right: 0.1 down; bottom left: 0 across
    assert isotropic_tv(SQUARE, epsilon=1e-14).item() == pytest.approx(0.5 + 0.1, abs=1e-6)


def test_isotropic_tv_with_beta_two_is_the_squared_one() -> None:
    image = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(isotropic_tv(image, beta=2.0), squared_tv(image))


def test_squared_tv_agrees_with_numpy() -> None:
    image = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    pixels = image.numpy()
    wanted = (np.diff(pixels, axis=2) ** 2).sum() + (np.diff(pixels, axis=3) ** 2).sum()
    np.testing.assert_allclose(squared_tv(image).item(), wanted / 2, rtol=1e-12)


def test_isotropic_tv_agrees_with_numpy_for_another_beta() -> None:
    image = torch.rand(1, 3, 5, 6, dtype=torch.float64)
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (0, 1), (0, 1)), mode="edge")
    down = np.diff(padded, axis=2)[..., :-1]
    across = np.diff(padded, axis=3)[..., :-1, :]
    wanted = ((down**2 + across**2) ** 0.75).sum()
    loss = isotropic_tv(image, beta=1.5, epsilon=1e-16)
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-8)


@pytest.mark.parametrize("kind", ["squared", "isotropic"])
def test_sum_is_the_number_of_values_times_mean(kind: TvKind) -> None:
    image = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(
        tv_loss(image, kind=kind), 3 * 5 * 6 * tv_loss(image, kind=kind, reduction="mean")
    )


@pytest.mark.parametrize("kind", ["squared", "isotropic"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 4), (1, 1, 4, 1)])
def test_tv_derivatives_pass_gradcheck(kind: TvKind, shape: tuple[int, ...]) -> None:
    image = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tv_loss(x, kind=kind), image)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_isotropic_tv_of_a_constant_image_is_zero_with_zero_gradient(
    beta: float, dtype: torch.dtype
) -> None:
    image = torch.full((1, 3, 4, 4), 0.5, dtype=dtype, requires_grad=True)
    loss = isotropic_tv(image, beta=beta)
    (gradient,) = torch.autograd.grad(loss, image)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.equal(gradient, torch.zeros_like(image))


@pytest.mark.parametrize("kind", ["squared", "isotropic"])
def test_tv_of_a_single_pixel_is_zero(kind: TvKind) -> None:
    assert tv_loss(torch.rand(1, 3, 1, 1), kind=kind).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("kind", ["squared", "isotropic"])
def test_tv_of_a_batch_is_the_mean_of_its_items(kind: TvKind) -> None:
    images = torch.rand(3, 3, 4, 5, dtype=torch.float64)
    singles = torch.stack([tv_loss(image[None], kind=kind) for image in images])
    torch.testing.assert_close(tv_loss(images, kind=kind), singles.mean())


def test_scale_laws() -> None:
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(squared_tv(3 * image + 0.1), 9 * squared_tv(image))
    torch.testing.assert_close(
        isotropic_tv(3 * image, epsilon=9e-8), 3 * isotropic_tv(image, epsilon=1e-8)
    )


def test_gradient_of_half_the_sum_is_the_authors_inside_the_last_row_and_column() -> None:
    """Their code adds differences to the gradient of 0...255 pixels; see `squared_tv`."""
    image = torch.rand(1, 3, 6, 7, dtype=torch.float64)
    pixels = 255 * image.numpy()
    across = pixels[..., :-1, :-1] - pixels[..., :-1, 1:]
    down = pixels[..., :-1, :-1] - pixels[..., 1:, :-1]
    authors = np.zeros_like(pixels)
    authors[..., :-1, :-1] += across + down
    authors[..., :-1, 1:] -= across
    authors[..., 1:, :-1] -= down
    (gradient,) = torch.autograd.grad(255 * squared_tv(image.requires_grad_()) / 2, image)
    np.testing.assert_allclose(gradient[..., :-1, :-1].numpy(), authors[..., :-1, :-1], rtol=1e-9)


def test_hole_tv_by_hand() -> None:
    image = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    hole = torch.zeros(1, 1, 5, 5)
    hole[..., 2, 2] = 1
    output = torch.full((1, 1, 5, 5), 0.5, dtype=torch.float64)
    # One pixel of 0.5 among zeros has four differences of 0.5; the grown hole has 9 pixels.
    assert hole_tv(output, image, hole).item() == pytest.approx(4 * 0.5 / 9)
    assert hole_tv(output, image, hole.bool()).item() == pytest.approx(4 * 0.5 / 9)


def test_hole_tv_does_not_see_what_is_far_from_the_hole() -> None:
    output, image = torch.rand(2, 1, 3, 7, 7, dtype=torch.float64).unbind()
    hole = torch.zeros(1, 1, 7, 7)
    hole[..., 1:3, 1:3] = 1
    changed_output, changed_image = output.clone(), image.clone()
    changed_output[..., 3:, :] = 9.0
    changed_image[..., 4:, :] = 9.0
    torch.testing.assert_close(
        hole_tv(changed_output, changed_image, hole), hole_tv(output, image, hole)
    )


def test_hole_tv_of_the_whole_image_agrees_with_numpy() -> None:
    output = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    pixels = output.numpy()
    wanted = (
        (np.abs(np.diff(pixels, axis=2)).sum() + np.abs(np.diff(pixels, axis=3)).sum())
        / (5 * 6)
        / 2
    )
    loss = hole_tv(output, torch.zeros_like(output), torch.ones(1, 1, 5, 6))
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-12)


def test_hole_tv_derivatives_pass_gradcheck() -> None:
    output, image = torch.rand(2, 2, 3, 5, 5, dtype=torch.float64).unbind()
    hole = torch.rand(2, 1, 5, 5)
    assert torch.autograd.gradcheck(lambda x: hole_tv(x, image, hole), output.requires_grad_())


def test_hole_tv_without_a_hole_is_zero() -> None:
    output, image = torch.rand(2, 1, 3, 4, 4).unbind()
    assert hole_tv(output, image, torch.zeros(1, 1, 4, 4)).item() == 0


def test_nonsense_is_refused() -> None:
    image = torch.zeros(1, 3, 4, 4)
    with pytest.raises(OptionError, match="kind 'cubic'"):
        tv_loss(image, kind="cubic")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="reduction 'max'"):
        tv_loss(image, reduction="max")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="beta 0"):
        isotropic_tv(image, beta=0)
    with pytest.raises(OptionError, match="epsilon nan"):
        isotropic_tv(image, epsilon=float("nan"))
    with pytest.raises(OptionError, match="wanted a floating-point"):
        squared_tv(image[0])
    with pytest.raises(OptionError, match="hole"):
        hole_tv(image, image, torch.zeros(1, 3, 4, 4))
