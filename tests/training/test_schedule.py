import math

import pytest

from impasto.training.loop import learning_rate_at
from impasto.training.style_task import crop_px_at


def _rates(schedule: str, count: int = 100) -> list[float]:
    return [
        learning_rate_at(k, iterations=count, peak=1e-3, schedule=schedule)  # type: ignore[arg-type]
        for k in range(count)
    ]


def test_constant_is_the_papers() -> None:
    assert set(_rates("constant")) == {1e-3}


def test_one_cycle_climbs_to_the_peak_and_falls_to_nearly_nothing() -> None:
    rates = _rates("one-cycle")
    assert rates[0] == pytest.approx(1e-3 / 25)
    assert max(rates) == rates[5] == pytest.approx(1e-3)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 3e-6


def test_cosine_is_a_half_cosine_from_the_start() -> None:
    rates = _rates("cosine")
    assert rates[0] == pytest.approx(1e-3)
    expected = 1e-3 * (1e-3 + (1 - 1e-3) * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[50] == pytest.approx(expected)


def test_a_single_iteration_has_a_rate() -> None:
    assert learning_rate_at(0, iterations=1, peak=1.0, schedule="one-cycle") > 0


def test_crops_change_at_their_shares() -> None:
    crops = ((0.7, 160), (0.3, 256))
    sides = [crop_px_at(k, iterations=10, crops=crops) for k in range(10)]
    assert sides == [160] * 7 + [256] * 3
