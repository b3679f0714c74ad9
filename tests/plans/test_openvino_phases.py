"""3 x 3 convolutions in phases are the same convolutions."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino")

from impasto.engines import openvino
from impasto.engines.openvino import OpenVinoTiles
from impasto.models.kinds import read_superres_tensors
from impasto.plans import plan
from impasto.plans.openvino_steps import Phased, in_phases
from impasto.plans.plan import Floats, Plan
from impasto.plans.rewrite import NetworkData


def convolution(generator: Any, outputs: int, inputs: int) -> Plan:
    weight = generator.standard_normal((outputs, inputs, 3, 3)) * 0.05
    pad = plan.Pad(before=1, after=1, mode="constant")
    return pad, plan.Convolve(weight=weight, bias=generator.standard_normal(outputs))


def made(steps: Plan, tile: Floats) -> Floats:
    return OpenVinoTiles(steps, 3, "float32", 1)(tile)


@pytest.mark.parametrize("size_hw", [(8, 8), (9, 13), (1, 2), (5, 3), (12, 15), (7, 1)])
def test_residual_blocks_of_any_width(size_hw: tuple[int, int]) -> None:
    """Beyond the right edge there are zeros, for every layer."""
    generator = np.random.default_rng(0)
    block = (*convolution(generator, 32, 32), plan.Relu(), *convolution(generator, 32, 32))
    mix = generator.standard_normal((32, 3, 1, 1)) / 255
    steps: Plan = (
        plan.Convolve(weight=mix),
        plan.Residual(body=block),
        plan.Residual(body=block),
        *convolution(generator, 48, 32),
        plan.Convolve(weight=generator.standard_normal((3, 48, 1, 1)) * 0.1),
        plan.Squash(scale=1.0, shift=0.0),
    )
    phased = in_phases(steps)
    kinds = [type(step) for step in phased]
    assert kinds == [plan.Convolve, Phased, plan.Convolve, plan.Squash]
    tile = generator.random((1, 3, *size_hw), np.float32)
    np.testing.assert_allclose(made(phased, tile), made(steps, tile), rtol=0, atol=2e-5)


def test_what_is_no_such_convolution_stays_as_it_is() -> None:
    generator = np.random.default_rng(0)
    few = convolution(generator, 16, 16)
    mirrored = (plan.Pad(before=1, after=1, mode="reflect"), convolution(generator, 32, 32)[1])
    strided = (few[0], plan.Convolve(weight=convolution(generator, 32, 32)[1].weight, stride=2))
    for steps in (few, mirrored, strided, (plan.Relu(),)):
        assert in_phases(steps) == steps


def test_they_are_taken_when_there_is_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_superres_tensors("perceptual-x4")
    assert found is not None
    steps = NetworkData(config=found[0].config, tensors=found[0].tensors).plan()
    monkeypatch.setattr(openvino, "PHASES_FROM_PIXELS", 1000)
    for avx512, phased in ((False, 1), (True, 0), (None, 0)):
        runs: list[int] = []

        def counting(steps: Plan, runs: list[int] = runs) -> Plan:
            runs.append(1)
            return in_phases(steps)

        monkeypatch.setattr(openvino, "has_avx512", lambda avx512=avx512: avx512)
        monkeypatch.setattr(openvino, "in_phases", counting)
        tiles = OpenVinoTiles(steps, 3, "float32", 1)
        tile = np.random.default_rng(0).random((1, 3, 30, 37), np.float32)
        first, second = tiles(tile), tiles(tile)
        assert len(runs) == phased
        np.testing.assert_allclose(second, first, rtol=0, atol=1e-5)
