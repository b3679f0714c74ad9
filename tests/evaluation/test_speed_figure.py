"""Timings and their figure: medians and spread by hand, a picture from results alone."""

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.evaluation.machine_rates import machine_rates
from impasto.evaluation.speed_figure import speed_figure, speed_markdown
from impasto.evaluation.stopwatch import Timing, psnr_db, smooth_noise, take_turns

RESULTS = {
    "environment": {"processor": "A processor", "threads": 2, "torch": "2.0", "openvino": "2026"},
    "baseline": "plain",
    "reference": "examples",
    "rows": [
        {
            "network": "night",
            "px": px,
            "what": what,
            "seconds": seconds,
            "times_as_fast": 0.2 / seconds,
            "times_examples": 0.4 / seconds,
        }
        for px in (256, 512)
        for what, seconds in (("plain", 0.2), ("openvino, bfloat16", 0.02), ("examples", 0.4))
    ],
}


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


def test_rates_are_positive() -> None:
    assert all(rate > 0 for rate in machine_rates().values())


def test_a_figure_has_a_panel_for_each_network_and_size() -> None:
    one = speed_figure(RESULTS)
    rows = [*RESULTS["rows"], *({**row, "network": "day"} for row in RESULTS["rows"])]
    both = speed_figure({**RESULTS, "rows": rows})
    assert both.width == one.width
    assert both.height > one.height + 60
    blue = (0, 114, 178)  # the bars of OpenVINO in half precision
    assert (np.asarray(one) == blue).all(-1).sum() > 100


def test_a_table_tells_times_and_ratios() -> None:
    text = speed_markdown(RESULTS, "night")
    assert "| openvino, bfloat16 | 20 ms, 10.0x | 20 ms, 10.0x |" in text
