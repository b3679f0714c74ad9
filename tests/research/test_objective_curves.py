"""Curves: checked on a problem whose minimum is known, and against torch's own optimiser."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.evaluation.record import Record
from impasto.evaluation.trained_styles import white_noise
from impasto.losses import LossTerms
from impasto.optimization.objective import PixelObjective
from research.objective_curves import (
    checkpoints,
    lbfgs_curve,
    torch_curve,
)
from research.objective_results import Lead, Panel, crossing_of, objective_markdown, panels

TARGET = torch.linspace(-0.5, 1.5, 48).reshape(1, 3, 4, 4)
SCALE = torch.linspace(1, 10, 48).reshape(1, 3, 4, 4)


def quadratic(image: Tensor) -> Tensor:
    """Its minimum within [0, 1] is the clamped target."""
    return (SCALE * (image - TARGET).square()).sum()


class Quadratic:
    """That as a loss of one term."""

    def terms(self, image: Tensor, /) -> LossTerms:
        zero = torch.zeros(())
        return LossTerms(quadratic(image), zero, zero, zero, {}, {})

    def total(self, terms: LossTerms) -> Tensor:
        return terms.content


def value_at(image: Tensor) -> float:
    return float(quadratic(image.detach()))


def say(text: str) -> None:
    del text


def test_checkpoints_hold_the_claims_iterations_and_the_last_one() -> None:
    assert {0, 1, 50, 100, 200, 500} <= set(checkpoints(500))
    assert checkpoints(15) == [0, 1, 2, 3, 5, 7, 10, 15]
    assert checkpoints(60)[-3:] == [40, 50, 60]
    assert checkpoints(1) == [0, 1]


def test_the_curve_falls_from_the_start_to_the_bounded_minimum() -> None:
    start = white_noise(TARGET)
    curve, point = lbfgs_curve(PixelObjective(Quadratic()), start, 60, say)
    assert curve.iterations == checkpoints(60)
    assert curve.values[0] == pytest.approx(value_at(start))
    assert curve.values[-1] == pytest.approx(value_at(TARGET.clamp(0, 1)), rel=1e-5)
    assert torch.allclose(point, TARGET.clamp(0, 1), atol=1e-3)
    assert curve.stopped_at is None or curve.values[-1] == curve.values[-2]


def test_the_baseline_is_torchs_optimiser_clipped() -> None:
    start = white_noise(TARGET)
    curve, _ = torch_curve(PixelObjective(Quadratic()), start, 7, say)
    pixels = start.clone(memory_format=torch.contiguous_format).requires_grad_(True)
    optimizer = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=10)

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = quadratic(pixels)
        total.backward()
        return total

    wanted = [value_at(start)]
    for _ in range(7):
        optimizer.step(closure)
        with torch.no_grad():
            pixels.clamp_(0, 1)
        wanted.append(value_at(pixels))
    assert curve.iterations == [0, 1, 2, 3, 5, 7]
    assert curve.values == pytest.approx([wanted[i] for i in curve.iterations])


def test_the_values_are_float32_even_of_an_optimiser_in_bfloat16() -> None:
    looked_at = 0

    class Noting(Quadratic):
        def terms(self, image: Tensor, /) -> LossTerms:
            nonlocal looked_at
            looked_at += not image.requires_grad
            assert torch.is_autocast_enabled("cpu") == image.requires_grad
            return super().terms(image)

    start = white_noise(TARGET)
    curve, point = lbfgs_curve(PixelObjective(Noting(), dtype=torch.bfloat16), start, 5, say)
    assert looked_at == len(curve.values) == len(checkpoints(5))
    assert curve.values[-1] == pytest.approx(value_at(point))


def test_white_noise_is_the_same_for_every_photo() -> None:
    assert torch.equal(white_noise(torch.zeros(1, 3, 8, 9)), white_noise(torch.ones(1, 3, 8, 9)))
    noise = white_noise(torch.zeros(1, 3, 64, 64))
    assert float(noise.mean()) == pytest.approx(0.5, abs=0.02)
    assert 0 <= float(noise.min()) < 0.01
    assert 0.99 < float(noise.max()) <= 1


def test_a_crossing_lies_between_two_checkpoints() -> None:
    assert crossing_of([0, 10, 20], [9.0, 5.0, 1.0], 4.0) == 12.5
    assert crossing_of([0, 10, 20], [9.0, 5.0, 1.0], 9.5) == 0
    assert crossing_of([0, 10, 20], [9.0, 5.0, 1.0], 0.5) is None


def panel(network: float, iterations: list[int], mean: list[float], size_px: int = 256) -> Panel:
    level = {"network": network, "untouched": 9.0, "of": {"enlarged": False}}
    curve = {"iterations": iterations, "values": mean, "evaluations": 1, "stopped_at": None}
    return Panel("x", size_px, [{"level": level, "lbfgs": {"curve": curve}}])


def test_the_claim_holds_only_if_the_network_is_at_or_below_the_curve() -> None:
    assert panel(2.0, [0, 50, 100], [9.0, 3.0, 2.0]).holds is True
    assert panel(2.1, [0, 50, 100], [9.0, 3.0, 2.0]).holds is False
    assert panel(2.1, [0, 50], [9.0, 3.0], 512).holds is True
    assert panel(2.1, [0, 50], [9.0, 3.0], 300).holds is None


def test_a_curve_that_is_too_short_can_say_no_but_not_yes() -> None:
    assert panel(2.0, [0, 15], [9.0, 1.9], 1024).holds is False
    assert panel(2.0, [0, 15], [9.0, 2.1], 1024).holds is None


def _record(levels: list[float], ends: list[float], size_px: int = 512) -> Record:
    """One style, a photo a level; each curve falls to its end in 50 iterations."""
    entries = {}
    for number, (level, end) in enumerate(zip(levels, ends, strict=True)):
        of = {"style": "x", "size_px": size_px, "photo": {"name": str(number)}, "enlarged": False}
        curve = {
            "iterations": [0, 50],
            "values": [9.0, end],
            "evaluations": 50,
            "stopped_at": None,
        }
        entries[f"{number}, level"] = {
            "of": {**of, "kind": "level"},
            "network": level,
            "untouched": 9.0,
        }
        entries[f"{number}, lbfgs"] = {"of": {**of, "kind": "lbfgs"}, "curve": curve}
    return Record(path=Path("objective.json"), name="objective", settings={}, entries=entries)


def test_the_lead_is_the_difference_photo_by_photo_with_its_standard_error() -> None:
    record = _record([1.0, 2.0, 5.0], [2.0, 4.0, 5.0])  # differences -1, -2, 0
    (found,) = panels(record)
    assert found.lead is not None
    assert found.lead.mean == pytest.approx(-1.0)
    assert found.lead.standard_error == pytest.approx(1 / 3**0.5)  # of a standard deviation of 1
    assert found.lead.lower == 3
    assert "| -1.000 ± 0.577 | 3 of 3 |" in objective_markdown(record)
    assert panels(_record([2.5], [2.0]))[0].lead == Lead(mean=0.5, standard_error=None, lower=0)
    assert panels(_record([1.0], [2.0], size_px=300))[0].lead is None
    assert panels(_record([1.0], [2.0], size_px=256))[0].lead is None  # the claim: 100 iterations
