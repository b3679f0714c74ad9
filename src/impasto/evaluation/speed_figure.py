"""How many times as fast as plain PyTorch, as bars, from a benchmark's results alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from impasto.evaluation.drawing import FAINT, INK, PALETTE, Canvas, tint
from impasto.evaluation.tables import markdown_table

FORMAT = "impasto-inference-benchmark-1"
_LABEL_PX, _BAR_PX, _GAP_PX, _TITLE_PX, _FOOT_PX = 170, 15, 5, 64, 34
_PANEL_WIDTH, _ROOM_PX = 300, 92  # room behind the longest bar, for its number


def speed_figure(results: Mapping[str, Any]) -> Image.Image:
    """A row of panels for each network, a panel for each size, a bar for each way to run it.

    `results` as benchmarks/inference.py writes them.
    """
    rows = results["rows"]
    networks = list(dict.fromkeys(row["network"] for row in rows))
    sizes = list(dict.fromkeys(row["px"] for row in rows))
    found = list(dict.fromkeys(row["what"] for row in rows))
    ways = sorted(found, key=lambda way: way != results["reference"])  # that one on top
    panel_height = 30 + len(ways) * (_BAR_PX + _GAP_PX) + 22
    canvas = Canvas(
        _LABEL_PX + _PANEL_WIDTH * len(sizes),
        _TITLE_PX + panel_height * len(networks) + _FOOT_PX,
    )
    canvas.text((12, 10), "Times as fast as pytorch/examples' network in eager float32", px=18)
    canvas.text((12, 36), _machine(results), px=13, color=FAINT, max_width=canvas.width - 24)
    for number, network in enumerate(networks):
        top = _TITLE_PX + number * panel_height
        canvas.text((12, top + 4), network, px=15)
        shown = [way for way in ways if _find(rows, network, sizes, way)]
        for place, way in enumerate(shown):
            y = top + 30 + place * (_BAR_PX + _GAP_PX) + _BAR_PX / 2
            canvas.text((_LABEL_PX - 10, y), way, px=12, anchor="rm", max_width=_LABEL_PX - 16)
        for column, size in enumerate(sizes):
            left = _LABEL_PX + column * _PANEL_WIDTH
            canvas.text((left, top + 6), f"{size} x {size} px", px=13, color=FAINT)
            _draw_bars(canvas, rows, network, size, shown, (left, top + 30))
    foot = "Medians by the clock, rounds interleaved; the number behind a bar is its time."
    canvas.text((12, canvas.height - 24), foot, px=12, color=FAINT)
    return canvas.finish()


def _draw_bars(
    canvas: Canvas,
    rows: Sequence[Mapping[str, Any]],
    network: str,
    size: int,
    ways: Sequence[str],
    left_top: tuple[float, float],
) -> None:
    left, top = left_top
    longest = max(row["times_examples"] for row in rows)
    for place, way in enumerate(ways):
        found = _find(rows, network, [size], way)
        if not found:
            continue
        row, y = found[0], top + place * (_BAR_PX + _GAP_PX)
        length = max(row["times_examples"] / longest * (_PANEL_WIDTH - _ROOM_PX), 1.0)
        right, below = left + length, y + _BAR_PX
        canvas.polygon([(left, y), (right, y), (right, below), (left, below)], color=_color(way))
        text = f"{row['times_examples']:.1f}x  {row['seconds'] * 1e3:.0f} ms"
        canvas.text((right + 6, y + _BAR_PX / 2), text, px=12, color=INK, anchor="lm")


def _find(
    rows: Sequence[Mapping[str, Any]], network: str, sizes: Sequence[int], way: str
) -> list[Mapping[str, Any]]:
    return [
        row
        for row in rows
        if row["network"] == network and row["px"] in sizes and row["what"] == way
    ]


def _color(way: str) -> tuple[int, int, int]:
    """One colour a back end; float32 paler than what is faster."""
    families = ("openvino", "onnx", "eager", "strips")
    number = next((i for i, name in enumerate(families) if way.startswith(name)), None)
    if number is None:
        return tint(PALETTE[6], 0.45)
    return tint(PALETTE[number], 0.55 if "float32" in way else 1.0)


def _machine(results: Mapping[str, Any]) -> str:
    run = results["environment"]
    threads = f"{run['threads']} thread{'s' * (run['threads'] != 1)}"
    extras = ", ".join(
        f"{title} {run[name]}"
        for name, title in (("openvino", "OpenVINO"), ("onnxruntime", "ONNX Runtime"))
        if run.get(name)
    )
    return f"{run['processor']}, {threads}, PyTorch {run['torch']}" + (extras and f", {extras}")


def speed_markdown(results: Mapping[str, Any], network: str) -> str:
    """The rows of one network as a Markdown table: time, and ratio to its own plain form."""
    rows = [row for row in results["rows"] if row["network"] == network]
    sizes = list(dict.fromkeys(row["px"] for row in rows))
    cells = []
    for way in dict.fromkeys(row["what"] for row in rows):
        each = [_find(rows, network, [size], way)[0] for size in sizes]
        cells.append(
            [way, *(f"{row['seconds'] * 1e3:.0f} ms, {row['times_as_fast']:.1f}x" for row in each)]
        )
    return markdown_table([network, *(f"{size} px" for size in sizes)], cells)
