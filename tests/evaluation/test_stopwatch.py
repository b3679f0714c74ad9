"""Timings: medians and spread by hand, the order of turns."""

import pytest
import torch
from torch import Tensor

from impasto.evaluation import stopwatch
from impasto.evaluation.stopwatch import (
    Timing,
    machine_rates,
    psnr_db,
    smooth_noise,
    take_turns,
)


def test_a_timings_spread_is_half_the_distance_of_its_quartiles_over_the_median() -> None:
    timing = Timing(wall=(1.0, 2.0, 3.0, 4.0, 5.0), processor=(1.0,) * 5)
    assert timing.seconds == 3.0
    assert timing.spread == pytest.approx(1.5 / 3)
    assert Timing(wall=(2.0,), processor=(1.0,)).spread == 0.0


def test_ways_take_turns_after_one_round_of_warming_up() -> None:
    called: list[str] = []

    def paint(image: Tensor, name: str) -> Tensor:
        called.append(name)
        return image

    paints = {name: lambda image, name=name: paint(image, name) for name in "ab"}
    large, small = torch.zeros(1, 1, 513, 512), torch.zeros(1, 1, 8, 8)
    timings, pictures = take_turns(paints, large, rounds=3)
    assert called == ["a", "b"] * 4
    assert all(len(timing.wall) == 3 for timing in timings.values())
    assert set(pictures) == {"a", "b"}
    called.clear()
    timings, _ = take_turns(paints, small, rounds=2)
    assert called == ["a", "b", *"aabb" * 2]  # each painted once more before it is timed
    assert all(len(timing.wall) == 2 for timing in timings.values())
    timings, _ = take_turns(paints, small, rounds=99, most_seconds=0.0)
    assert len(timings["a"].wall) == 2


def test_noise_has_8_bits_and_the_whole_range_of_scales() -> None:
    image = smooth_noise(64)
    torch.testing.assert_close(image * 255, (image * 255).round(), rtol=0, atol=1e-4)
    assert image.shape == (1, 3, 64, 64)
    assert torch.equal(image, smooth_noise(64))


def test_psnr_of_a_tenth_everywhere_is_20_db() -> None:
    assert psnr_db(torch.full((2, 2), 0.6), torch.full((2, 2), 0.5)) == pytest.approx(20, abs=1e-4)


def test_rates_are_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "MOST_SIDE", 256)
    monkeypatch.setattr(stopwatch, "COPIED", 2**16)
    assert all(rate > 0 for rate in machine_rates().values())
