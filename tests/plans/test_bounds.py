"""Bounds on a network's values: they hold, they are found by hand, and NaN has none."""

import math

import numpy as np
import torch
from torch import nn

from impasto.models import StyleModel, list_styles, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans.bounds import cannot_overflow
from impasto.plans.plan import Convolve, Normalise, Plan, Relu, Residual, bounds
from impasto.plans.rewrite import rewrite

WEIGHT = np.array([[1.0, -2.0], [0.5, 0.0]]).reshape(2, 2, 1, 1)


def largest_value(steps: Plan, pixels: int, entering: float = 255.0) -> float:
    return bounds(steps, pixels, entering)[1]


def norm(weight: list[float]) -> Normalise:
    return Normalise(weight=np.array(weight), bias=np.array([0.0, 1.0]), eps=1e-5)


def test_a_convolution_is_bounded_by_its_largest_sum_of_magnitudes() -> None:
    steps = (Convolve(weight=WEIGHT, bias=np.array([0.5, -9.0])), Relu())
    assert largest_value(steps, 100, entering=10) == 30.5


def test_a_norm_is_bounded_by_the_root_of_its_samples_whatever_comes_in() -> None:
    steps = (norm([3.0, -2.0]),)
    assert largest_value(steps, 100, entering=1.0) == 30.0
    assert largest_value(steps, 100, entering=1e9) == 1e9  # what comes in counts too


def test_a_residual_adds_what_goes_in() -> None:
    assert largest_value((Residual(body=(Convolve(weight=WEIGHT),)),), 1, entering=1.0) == 4.0


def test_no_map_of_a_network_passes_its_bound() -> None:
    network = build_style_network(StyleNetworkConfig(width=0.125)).eval().requires_grad_(False)
    seen = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *parts: seen.append(float(parts[2].abs().max())))
    network(torch.rand(1, 3, 32, 32))
    assert max(seen) <= largest_value(rewrite(network), 32 * 32)


def test_every_bundled_style_is_proven_to_stay_in_range_at_any_size() -> None:
    for entry in list_styles():
        assert cannot_overflow(rewrite(load_style_model(entry.name).network), 2**34)


def test_a_weight_that_is_nan_or_enormous_has_no_proof(model: StyleModel) -> None:
    for value in (math.nan, math.inf, 1e30):
        network = build_style_network(model.config).requires_grad_(False)
        network.layers[3].first.conv.weight[0, 0, 0, 0] = value
        assert not cannot_overflow(rewrite(network), 2**20)
