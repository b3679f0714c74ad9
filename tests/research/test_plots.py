"""Plots show what their results say: read back from matplotlib's own artists."""

import json
from pathlib import Path

from impasto.evaluation.record import Record
from research.figures import draw_figures
from research.plots import SPEED_FORMAT, objective_plots, speed_plot
from research.speed_table import networks_markdown

RESULTS = {
    "format": SPEED_FORMAT,
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


def test_a_benchmarks_figure_has_a_panel_for_each_network_and_size() -> None:
    one = speed_plot(RESULTS)
    rows = [*RESULTS["rows"], *({**row, "network": "day"} for row in RESULTS["rows"])]
    both = speed_plot({**RESULTS, "rows": rows})
    assert (len(one.axes), len(both.axes)) == (2, 4)
    assert both.get_figwidth() == one.get_figwidth()
    assert both.get_figheight() > one.get_figheight()
    lengths = [bar.get_width() for bar in one.axes[0].patches]
    assert sorted(lengths) == [1.0, 2.0, 20.0]  # times as fast as examples


def test_a_table_tells_times_and_ratios(tmp_path: Path) -> None:
    assert "| openvino, bfloat16 | 20 ms, 10.0x | 20 ms, 10.0x |" in networks_markdown(RESULTS)
    (tmp_path / "inference.json").write_text(json.dumps(RESULTS))
    names = [path.name for path in draw_figures(tmp_path / "inference.json", tmp_path)]
    assert names == ["inference.md", "inference.png"]


def test_a_curve_has_its_band_level_and_crossing() -> None:
    of = {"style": "x", "size_px": 256, "photo": {"name": "a"}, "enlarged": True}
    curve = {"iterations": [0, 10, 20], "values": [9.0, 5.0, 1.0]}
    entries = {
        "level": {"of": {**of, "kind": "level"}, "network": 4.0, "untouched": 8.0},
        "lbfgs": {
            "of": {**of, "kind": "lbfgs"},
            "curve": {**curve, "evaluations": 20, "stopped_at": None},
        },
    }
    record = Record(path=Path("r"), name="objective", settings={}, entries=entries)
    (area,) = objective_plots(record)["x"].axes
    lines = {str(line.get_label()): line for line in area.lines}
    mean = lines["L-BFGS, mean and quartiles"]
    assert list(mean.get_xdata()) == [0, 10, 20]
    assert list(mean.get_ydata()) == [9.0, 5.0, 1.0]
    assert list(lines["the network, one pass"].get_ydata()) == [4.0, 4.0]
    assert [text.get_text() for text in area.texts] == ["reached after 12"]
    assert area.get_title(loc="left") == "256 px, 1 photo, 1 of them enlarged"
