"""The terms' scales against hand-made cases and the papers' equations; weights refuse nonsense."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses import (
    LossWeights,
    content_loss,
    content_terms,
    errors_of,
    gram_matrix,
    style_loss,
    style_terms,
)

FEATURES = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]], dtype=torch.float64)  # C 2, M 2
ZERO = torch.zeros((), dtype=torch.float64)


def gatys_content(features: Tensor, target: Tensor) -> Tensor:
    (term,) = content_terms({"a": target}, {"a": 1.0}, scale="gatys")
    return term.error(term.sums(features))


def gatys_style(features: Tensor, gram: Tensor) -> Tensor:
    """`gram`: of eq. 3."""
    (term,) = style_terms({"a": gram}, {"a": 1.0}, scale="gatys")
    return term.error(term.sums(features))


def test_gatys_content_is_half_the_sum_by_hand() -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[3.0, 7.0]]]], dtype=torch.float64)
    assert gatys_content(FEATURES, target).item() == (4 + 9) / 2


def test_gatys_layer_style_by_hand() -> None:
    # F F^T = [[5, 11], [11, 25]]; a style image of as many positions with 9 in place of 25
    target = torch.tensor([[[5.0, 11.0], [11.0, 9.0]]], dtype=torch.float64) / (2 * 2)
    # (25 - 9)^2 / (4 * 2^2 * 2^2)
    assert gatys_style(FEATURES, target).item() == 256 / 64


def test_gatys_layer_style_agrees_with_numpy() -> None:
    features, style = torch.randn(2, 1, 4, 5, 6, dtype=torch.float64).unbind()
    f, s = (x.numpy().reshape(4, 30) for x in (features, style))
    wanted = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * 4**2 * 30**2)
    loss = gatys_style(features, gram_matrix(style))
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-12)


def test_gatys_forms_are_the_papers_times_known_factors() -> None:
    features, other = torch.randn(2, 1, 4, 5, 6, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        gatys_content(features, other), content_loss(features, other) * (4 * 5 * 6) / 2
    )
    # G is C*M times eq. 3, so E_l is eq. 4 times (C*M)^2 / (4 C^2 M^2).
    gram = gram_matrix(other)
    torch.testing.assert_close(gatys_style(features, gram), style_loss(features, gram) / 4)


def test_a_style_image_of_another_size_is_scaled_to_as_many_positions() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    gram = gram_matrix(features.tile(1, 1, 2, 3))
    assert gatys_style(features, gram).item() == pytest.approx(0, abs=1e-24)


def test_layers_are_added_up_by_their_weights_and_terms_by_alpha_and_beta() -> None:
    features = {"a": torch.randn(1, 3, 4, 4), "b": torch.randn(1, 2, 3, 3)}
    grams = {name: torch.zeros(1, f.shape[1], f.shape[1]) for name, f in features.items()}
    weights = {"a": 3.0, "b": 0.5}
    terms = errors_of(
        [
            *style_terms(grams, weights, scale="gatys"),
            *content_terms({"b": features["b"] * 2}, {"b": 2.0}, scale="gatys"),
        ],
        features,
        torch.zeros(()),
    )
    a, b = (gatys_style(features[k], grams[k]) for k in "ab")
    torch.testing.assert_close(terms.style_by_layer, {"a": a, "b": b})
    torch.testing.assert_close(terms.style, 3 * a + 0.5 * b)
    torch.testing.assert_close(terms.content, features["b"].square().sum())
    alpha_beta = LossWeights(content=2.0, style=10.0, tv=0)
    torch.testing.assert_close(alpha_beta.total(terms), 2 * terms.content + 10 * terms.style)
    assert set(terms.named()) == {"content", "style", "tv", "style a", "style b"}


@pytest.mark.parametrize("scale", ["absolute", "relative", "gatys"])
@pytest.mark.parametrize("kind", ["squared", "absolute", "unit"])
def test_derivatives_in_every_scale_pass_gradcheck(scale: str, kind: str) -> None:
    features, other = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64).unbind()
    terms = [
        *content_terms({"a": other}, {"a": 0.3}, scale=scale, kind=kind),  # type: ignore[arg-type]
        *style_terms({"a": gram_matrix(other[:1])}, {"a": 7.0}, scale=scale),  # type: ignore[arg-type]
    ]

    def total(x: Tensor) -> Tensor:
        return LossWeights(content=2.0, style=3.0).total(errors_of(terms, {"a": x}, ZERO))

    assert torch.autograd.gradcheck(total, features.requires_grad_())


def test_gatys_content_gradient_is_the_difference() -> None:
    features, target = torch.randn(2, 1, 3, 4, 4).unbind()
    loss = gatys_content(features.requires_grad_(), target)
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(gradient, (features - target).detach())


def test_the_defaults_are_the_authors() -> None:
    weights = LossWeights()
    assert (weights.content, weights.style, weights.tv, weights.pixel) == (1.0, 5.0, 1e-6, 0.0)


@pytest.mark.parametrize("name", ["content", "style", "tv", "pixel"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "3", None])
def test_a_weight_that_makes_no_sense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=f"the {name} weight"):
        LossWeights(**{name: value})  # type: ignore[arg-type]


def test_weights_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LossWeights().style = 1.0  # type: ignore[misc]
