"""Style reconstruction against hand-made cases, NumPy and numerical derivatives."""

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import StyleLoss, gram_matrix, style_loss


def test_style_loss_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # Gram [[5, 11], [11, 25]] / 4
    target = torch.tensor([[[1.25, 2.75], [2.75, 4.25]]])
    assert style_loss(features, target).item() == 4.0


def test_style_loss_agrees_with_numpy_for_images_of_different_sizes() -> None:
    output = torch.randn(2, 4, 6, 7, dtype=torch.float64)
    style = torch.randn(1, 4, 9, 5, dtype=torch.float64)
    grams = np.einsum("nchw,ndhw->ncd", output.numpy(), output.numpy()) / (4 * 6 * 7)
    wanted = np.einsum("nchw,ndhw->ncd", style.numpy(), style.numpy()) / (4 * 9 * 5)
    distances = np.linalg.norm(grams - wanted, axis=(1, 2)) ** 2
    loss = style_loss(output, gram_matrix(style))
    np.testing.assert_allclose(loss.item(), distances.mean(), rtol=1e-12)


def test_style_loss_derivatives_pass_gradcheck() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target = gram_matrix(torch.randn(1, 3, 6, 6, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda f: style_loss(f, target), features)
    assert torch.autograd.gradgradcheck(lambda f: style_loss(f, target), features)


def test_style_loss_is_zero_for_a_shuffled_image() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    shuffled = features.flatten(2)[..., torch.randperm(20)].unflatten(2, (4, 5))
    assert style_loss(shuffled, gram_matrix(features)).item() < 1e-28


def test_style_loss_grows_with_the_fourth_power_of_both() -> None:
    features, style = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        style_loss(2 * features, gram_matrix(2 * style)),
        16 * style_loss(features, gram_matrix(style)),
    )


def test_style_loss_of_a_batch_is_the_mean_of_its_items() -> None:
    features = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    target = gram_matrix(torch.randn(1, 2, 5, 5, dtype=torch.float64))
    singles = torch.stack([style_loss(item[None], target) for item in features])
    torch.testing.assert_close(style_loss(features, target), singles.mean())


def test_style_module_gives_the_function_and_saves_no_target() -> None:
    features = torch.randn(2, 3, 4, 4)
    target = gram_matrix(torch.randn(1, 3, 5, 5))
    module = StyleLoss(target)
    assert torch.equal(module(features), style_loss(features, target))
    assert not module.state_dict()


@pytest.mark.parametrize("shape", [(3, 3), (1, 4, 4), (2, 3, 3), (1, 3, 4)])
def test_a_target_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="style target"):
        style_loss(torch.zeros(4, 3, 2, 2), torch.zeros(shape))
