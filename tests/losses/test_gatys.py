"""Gatys' forms against hand-made cases, and against the paper's forms by their factors."""

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import (
    content_loss,
    gatys_content_loss,
    gatys_gram_matrix,
    gatys_layer_style_loss,
    gatys_style_loss,
    gatys_total,
    gram_matrix,
    style_loss,
)

FEATURES = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]], dtype=torch.float64)  # C 2, M 2


def test_gatys_content_loss_by_hand() -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[3.0, 7.0]]]], dtype=torch.float64)
    assert gatys_content_loss(FEATURES, target).item() == (4 + 9) / 2


def test_gatys_gram_matrix_by_hand() -> None:
    wanted = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]], dtype=torch.float64)
    assert torch.equal(gatys_gram_matrix(FEATURES), wanted)


def test_gatys_layer_style_loss_by_hand() -> None:
    target = torch.tensor([[[5.0, 11.0], [11.0, 9.0]]], dtype=torch.float64)
    # (25 - 9)^2 / (4 * 2^2 * 2^2)
    assert gatys_layer_style_loss(FEATURES, target).item() == 256 / 64


def test_gatys_layer_style_loss_agrees_with_numpy() -> None:
    features, style = torch.randn(2, 1, 4, 5, 6, dtype=torch.float64).unbind()
    f, s = (x.numpy().reshape(4, 30) for x in (features, style))
    wanted = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * 4**2 * 30**2)
    loss = gatys_layer_style_loss(features, gatys_gram_matrix(style))
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-12)


def test_gatys_forms_are_the_papers_times_known_factors() -> None:
    features, other = torch.randn(2, 1, 4, 5, 6, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        gatys_content_loss(features, other), content_loss(features, other) * (4 * 5 * 6) / 2
    )
    # G is C*M times eq. 3, so E_l is eq. 4 times (C*M)^2 / (4 C^2 M^2).
    torch.testing.assert_close(
        gatys_layer_style_loss(features, gatys_gram_matrix(other)),
        style_loss(features, gram_matrix(other)) / 4,
    )


def test_a_style_image_of_another_size_is_scaled_to_as_many_positions() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    target = gatys_gram_matrix(features.tile(1, 1, 2, 3))
    assert gatys_layer_style_loss(features, target).item() > 1
    loss = gatys_layer_style_loss(features, target, target_hw=(8, 15))
    assert loss.item() == pytest.approx(0, abs=1e-24)


def test_gatys_style_loss_is_the_weighted_sum_of_its_layers() -> None:
    features = {"a": torch.randn(1, 3, 4, 4), "b": torch.randn(1, 2, 3, 3)}
    targets = {name: torch.zeros(1, f.shape[1], f.shape[1]) for name, f in features.items()}
    a, b = (gatys_layer_style_loss(features[k], targets[k]) for k in "ab")
    torch.testing.assert_close(gatys_style_loss(features, targets), (a + b) / 2)
    weighted = gatys_style_loss(features, targets, layer_weights={"a": 3.0, "b": 0.5})
    torch.testing.assert_close(weighted, 3 * a + 0.5 * b)


def test_gatys_total_by_hand() -> None:
    total = gatys_total(torch.tensor(3.0), torch.tensor(5.0), alpha=2.0, beta=10.0)
    assert total.item() == 56.0


def test_gatys_derivatives_pass_gradcheck() -> None:
    features, other = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64).unbind()
    features.requires_grad_()
    target = gatys_gram_matrix(other[:1])
    assert torch.autograd.gradcheck(gatys_content_loss, (features, other))
    assert torch.autograd.gradcheck(gatys_gram_matrix, features)
    assert torch.autograd.gradcheck(
        lambda f: gatys_style_loss({"a": f}, {"a": target}, layer_weights={"a": 7.0}), features
    )
    pair = torch.rand(2, dtype=torch.float64).requires_grad_().unbind()
    assert torch.autograd.gradcheck(lambda c, s: gatys_total(c, s, alpha=2.0, beta=3.0), pair)


def test_gatys_content_gradient_is_the_difference() -> None:
    features, target = torch.randn(2, 1, 3, 4, 4).unbind()
    loss = gatys_content_loss(features.requires_grad_(), target)
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(gradient, (features - target).detach())


def test_nonsense_is_refused() -> None:
    gram = gatys_gram_matrix(FEATURES)
    with pytest.raises(OptionError, match="no style targets"):
        gatys_style_loss({"a": FEATURES}, {})
    with pytest.raises(OptionError, match="style layer 'b'"):
        gatys_style_loss({"a": FEATURES}, {"b": gram})
    with pytest.raises(OptionError, match="target_hw"):
        gatys_layer_style_loss(FEATURES, gram, target_hw=(0, 3))
    with pytest.raises(OptionError, match="alpha"):
        gatys_total(gram.sum(), gram.sum(), alpha=-1.0, beta=1.0)
