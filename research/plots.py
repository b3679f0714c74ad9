"""Plots by matplotlib, of results alone: curves, points, bars, and counts in tints."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from impasto.evaluation.record import Record
from impasto.evaluation.results import Results
from impasto.evaluation.style_results import StyleScore, style_scores, untouched_nearest
from research.objective_results import Band, Panel, panels

DPI = 128
FAINT, RULE = "#787880", "#dedee4"
# Okabe and Ito's palette, told apart by colour-blind readers too; its yellow is left out.
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"),
    *("#56b4e9", "#000000", "#785ef0", "#964b00", "#808080"),
)
_FAMILIES = ("openvino", "onnx", "eager", "strips")  # a colour each
SPEED_FORMAT = "impasto-inference-benchmark-1"


def objective_plots(record: Record) -> dict[str, Figure]:
    """Style -> the objective against iterations: a panel a size, bands over photos, levels."""
    found = panels(record)
    styles = dict.fromkeys(panel.style for panel in found)
    return {
        style: _objective([panel for panel in found if panel.style == style]) for style in styles
    }


def _objective(found: Sequence[Panel]) -> Figure:
    figure = _figure(4.2 * len(found), 3.9, f"Objective against iterations: {found[0].style}")
    # one scale for all panels: they show one objective
    for area, panel in zip(_areas(figure, len(found), sharey=True), found, strict=True):
        _draw_band(area, panel.lbfgs, PALETTE[0], "L-BFGS, mean and quartiles")
        if panel.torch:
            _draw_band(area, panel.torch, PALETTE[2], "torch.optim.LBFGS")
        if panel.continued:
            _draw_band(area, panel.continued, PALETTE[3], "L-BFGS from the network's picture")
        area.axhline(panel.network, color=PALETTE[1], ls="--", label="the network, one pass")
        area.axhline(panel.untouched, color=FAINT, ls=":", label="the untouched photo")
        if (reached := panel.reached(panel.network)) is not None:
            place = reached, panel.network
            area.plot(*place, "o", color=PALETTE[1], markersize=5)
            text = f"reached after {reached:.0f}"
            area.annotate(text, place, (6, 6), textcoords="offset points")
        enlarged = f", {panel.enlarged} of them enlarged" if panel.enlarged else ""
        photos = f"{panel.photos} photo{'s' * (panel.photos != 1)}"
        area.set_title(f"{panel.size_px} px, {photos}{enlarged}", loc="left", fontsize=9)
        area.set_xlabel("iterations")
        area.set_yscale("log")
        area.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        area.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        area.yaxis.set_minor_formatter(NullFormatter())
        area.set_ylim(top=1.5 * max(panel.untouched, *panel.lbfgs.high[1:]))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    return figure


def _draw_band(area: Axes, band: Band, color: str, label: str) -> None:
    area.fill_between(band.iterations, band.low, band.high, color=color, alpha=0.25, lw=0)
    area.plot(band.iterations, band.mean, color=color, label=label)


def style_plots(record: Record) -> dict[str, Figure]:
    """`distances` as points and `nearest` as tints; nothing if nothing is measured."""
    scores = style_scores(record)
    if not scores:
        return {}
    return {"distances": _style_distances(record, scores), "nearest": _nearest(record, scores)}


def _style_distances(record: Record, scores: Sequence[StyleScore]) -> Figure:
    title = f"Styles by {record.settings['loss_network']}, means over {scores[0].photos} photos"
    figure = _figure(5.6, 4.6, title)
    (area,) = _areas(figure, 1)
    points = {score.style: (score.content_distance, score.style_distance) for score in scores}
    _scatter(area, points)
    area.set_xlabel("content distance to the photo (less is nearer)")
    area.set_ylabel("style distance to the painting (less is nearer: higher up)")
    return figure


def _nearest(record: Record, scores: Sequence[StyleScore]) -> Figure:
    names = [score.style for score in scores]
    rows = [*((s.style, s.nearest) for s in scores), ("(untouched)", untouched_nearest(record))]
    side = 0.5 * len(names)
    figure = _figure(max(side + 1.8, 5), side + 2.2, "Nearest painting to photos painted as ...")
    (area,) = _areas(figure, 1)
    shares = [
        [counts.get(n, 0) / max(sum(counts.values()), 1) for n in names] for _, counts in rows
    ]
    area.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    area.grid(visible=False)
    area.set_xticks(range(len(names)), names, rotation=45, ha="left")
    area.xaxis.tick_top()
    area.set_yticks(range(len(rows)), [name for name, _ in rows])
    for row, (_, counts) in enumerate(rows):
        for column, name in enumerate(names):
            color = "white" if shares[row][column] > 0.5 else "black"
            text = str(counts[name]) if counts.get(name) else ""
            area.text(column, row, text, color=color, ha="center", va="center")
    return figure


def tradeoff_plot(results: Results) -> Figure | None:
    """PSNR against the first distance of the results, a panel for each set: better is up and right.

    None if there is no distance, or no set with a finite PSNR.
    """
    if not results.measured["distances"]:
        return None
    distance = results.measured["distances"][0]
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for mean in results.means():
        if math.isfinite(mean.psnr) and distance["name"] in mean.distances:
            point = mean.psnr, mean.distances[distance["name"]]
            found.setdefault(mean.set, {})[mean.model] = point
    if not found:
        return None
    protocol, factor = results.measured["protocol"]["name"], results.measured["factor"]
    title = f"Distortion and perception, factor {factor}, protocol {protocol}"
    figure = _figure(4.4 * len(found), 4.2, title)
    for area, (name, points) in zip(_areas(figure, len(found)), found.items(), strict=True):
        _scatter(area, points, list(results.models))
        area.set_title(name, loc="left")
        area.set_xlabel("PSNR, dB (more is better)")
        area.set_ylabel(f"{distance['label']} (less is better: higher up)")
    return figure


def speed_plot(results: Mapping[str, Any]) -> Figure:
    """Times as fast as plain PyTorch, as bars: a row of panels for each network, one a size.

    `results` as benchmarks/inference.py writes them.
    """
    panels: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in results["rows"]:
        panels.setdefault((row["network"], row["px"]), []).append(row)
    networks, sizes = (list(dict.fromkeys(each)) for each in zip(*panels, strict=True))
    ways = [len(panels[network, sizes[0]]) for network in networks]
    title = "Times as fast as pytorch/examples' network in eager float32\n" + _machine(results)
    height = 0.8 + sum(0.22 * count + 0.5 for count in ways)
    figure = _figure(2.6 * len(sizes) + 1.6, height, title)
    shape = len(networks), len(sizes)
    areas = figure.subplots(*shape, squeeze=False, sharex=True, height_ratios=ways)
    for (network, px), area in zip(panels, areas.flat, strict=True):
        there = panels[network, px][::-1]  # from below
        there.sort(key=lambda row: row["what"] == results["reference"])  # that one on top
        names, lengths = zip(*((row["what"], row["times_examples"]) for row in there), strict=True)
        bars = area.barh(names, lengths, color=[_color(name) for name in names])
        texts = [f"{r['times_examples']:.1f}x  {r['seconds'] * 1e3:.0f} ms" for r in there]
        area.bar_label(bars, texts, padding=3, fontsize=7)
        area.set_title(f"{network}, {px} px", loc="left", fontsize=9)
        area.margins(x=0.5)
        if px != sizes[0]:
            area.set_yticklabels([])
    return figure


def _color(way: str) -> str | tuple[str, float]:
    """One colour a back end; float32 paler than what is faster."""
    number = next((i for i, name in enumerate(_FAMILIES) if way.startswith(name)), None)
    if number is None:
        return PALETTE[-1], 0.5
    return PALETTE[number], 0.55 if "float32" in way else 1.0


def _machine(results: Mapping[str, Any]) -> str:
    run = results["environment"]
    extras = (("openvino", "OpenVINO"), ("onnxruntime", "ONNX Runtime"))
    versions = [f"{title} {run[name]}" for name, title in extras if run.get(name)]
    threads = f"{run['threads']} thread{'s' * (run['threads'] != 1)}"
    return ", ".join([run["processor"], threads, f"PyTorch {run['torch']}", *versions])


def _figure(width: float, height: float, title: str) -> Figure:
    """In inches; no global state of matplotlib is touched."""
    figure = Figure(figsize=(max(width, 6), height), dpi=DPI, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _areas(figure: Figure, count: int, *, sharey: bool = False) -> list[Axes]:
    areas = list(figure.subplots(1, count, squeeze=False, sharey=sharey).flat)
    for area in areas:
        area.spines[["top", "right"]].set_visible(False)
        area.grid(color=RULE, lw=0.7)
        area.set_axisbelow(True)
    return areas


def _scatter(
    area: Axes, points: Mapping[str, tuple[float, float]], names: Sequence[str] = ()
) -> None:
    """Named points; less is higher up. `names`: of all panels, so that colours agree."""
    names = names or list(points)
    for name, (x, y) in points.items():
        area.plot(x, y, "o", color=PALETTE[names.index(name) % len(PALETTE)])
        area.annotate(name, (x, y), (6, 3), textcoords="offset points", fontsize=8)
    area.margins(0.2)
    area.invert_yaxis()
