"""Weights refuse what cannot be meant."""

import dataclasses

import pytest

from impasto.errors import OptionError
from impasto.losses import LossWeights


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
