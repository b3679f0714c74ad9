"""The objective against iterations: a panel a size, bands over photos, levels as lines."""

from itertools import pairwise

from PIL import Image

from impasto.evaluation.axes import LogRange, log_range_of
from impasto.evaluation.drawing import FAINT, INK, PALETTE, Canvas, Color, Point, tint
from impasto.evaluation.objective_summary import Band, Panel, panels
from impasto.evaluation.record import Record

_PANEL_PX = (400, 330)
_TITLE_PX = 60
_LEGEND_PX, _ENTRY_PX = 620, 280  # of the three that are always there, and of each further one
_LBFGS, _NETWORK, _UNTOUCHED = PALETTE[0], PALETTE[1], FAINT
_TORCH, _CONTINUED = PALETTE[2], PALETTE[3]
_BAND_SHARE = 0.25
_TICK_PX = 12


def objective_figures(record: Record) -> dict[str, Image.Image]:
    """Style -> its figure, of the sizes that were measured."""
    found = panels(record)
    styles = dict.fromkeys(panel.style for panel in found)
    return {style: _figure([panel for panel in found if panel.style == style]) for style in styles}


def _figure(found: list[Panel]) -> Image.Image:
    more = any(panel.torch for panel in found) + any(panel.continued for panel in found)
    width = max(_PANEL_PX[0] * len(found), _LEGEND_PX + _ENTRY_PX * more)
    canvas = Canvas(width, _TITLE_PX + _PANEL_PX[1])
    canvas.text((10, 9), f"Objective against iterations: {found[0].style}", px=17)
    _legend(canvas, found)
    values = [v for panel in found for v in _values(panel)]
    ys = log_range_of(values)  # one for all panels: they show one objective
    for number, panel in enumerate(found):
        _draw_panel(canvas, panel, ys, (number * _PANEL_PX[0], _TITLE_PX))
    return canvas.finish()


def _values(panel: Panel) -> list[float]:
    bands = [band for band, _ in _bands(panel)]
    values = [value for band in bands for value in (*band.low[1:], *band.high[1:], *band.mean[1:])]
    return [*values, panel.network, panel.untouched]


def _bands(panel: Panel) -> list[tuple[Band, Color]]:
    """Those that were measured, in the order in which they are drawn."""
    bands = (panel.torch, _TORCH), (panel.lbfgs, _LBFGS), (panel.continued, _CONTINUED)
    return [(band, color) for band, color in bands if band is not None]


def _legend(canvas: Canvas, found: list[Panel]) -> None:
    entries: list[tuple[str, Color, str]] = [
        ("L-BFGS, mean and quartiles", _LBFGS, "solid"),
        ("the network, one forward pass", _NETWORK, "dashes"),
        ("the untouched photo", _UNTOUCHED, "dots"),
    ]
    if any(panel.torch for panel in found):
        entries.append(("torch.optim.LBFGS", _TORCH, "solid"))
    if any(panel.continued for panel in found):
        entries.append(("L-BFGS from the network's picture", _CONTINUED, "solid"))
    left = 12.0
    for text, color, kind in entries:
        _stroke(canvas, (left, 45), (left + 26, 45), color, kind)
        canvas.text((left + 32, 45), text, px=_TICK_PX, color=INK, anchor="lm")
        left += 32 + 6.4 * len(text) + 18


def _draw_panel(canvas: Canvas, panel: Panel, ys: LogRange, left_top: Point) -> None:
    left, top = left_top[0] + 52.0, left_top[1] + 34.0
    right, bottom = left_top[0] + _PANEL_PX[0] - 18.0, left_top[1] + _PANEL_PX[1] - 42.0
    most = panel.lbfgs.iterations[-1]

    def place(iteration: float, value: float) -> Point:
        x = left + iteration / most * (right - left)
        return x, bottom - ys.share(value) * (bottom - top)

    photos = f"{panel.photos} photo{'s' * (panel.photos != 1)}"
    if panel.enlarged:
        photos += f", {panel.enlarged} of them enlarged" if panel.photos > 1 else ", enlarged"
    canvas.text((left, top - 9), f"{panel.size_px} px, {photos}", px=13, anchor="lb")
    for tick in ys.ticks:
        y = place(0, tick)[1]
        canvas.line((left, y), (right, y))
        canvas.text((left - 6, y), f"{tick:g}", px=_TICK_PX, color=FAINT, anchor="rm")
    for tick in _iteration_ticks(most):
        x = place(tick, ys.low)[0]
        canvas.line((x, bottom), (x, bottom + 4), color=FAINT)
        canvas.text((x, bottom + 7), f"{tick}", px=_TICK_PX, color=FAINT, anchor="mt")
    canvas.line((left, bottom), (right, bottom), color=FAINT)
    canvas.text((right, bottom + 23), "iterations", px=_TICK_PX, color=FAINT, anchor="rt")
    for band, color in _bands(panel):
        _draw_band(canvas, band, color, place)
    for value, color, kind in (
        (panel.untouched, _UNTOUCHED, "dots"),
        (panel.network, _NETWORK, "dashes"),
    ):
        _stroke(canvas, place(0, value), place(most, value), color, kind)
    if panel.crossing is not None:
        at = place(panel.crossing, panel.network)
        canvas.dot(at, color=_NETWORK, radius=4.5)
        beside = at[0] < left + 0.7 * (right - left)
        where = (at[0] + 8, at[1] - 8) if beside else (at[0] - 8, at[1] + 8)
        anchor = "lb" if beside else "rt"
        text = f"reached after {panel.crossing:.0f}"
        canvas.text(where, text, px=13, color=INK, anchor=anchor)  # type: ignore[arg-type]


def _draw_band(canvas: Canvas, band: Band, color: Color, place) -> None:  # type: ignore[no-untyped-def]
    upper = [place(i, value) for i, value in zip(band.iterations, band.high, strict=True)]
    lower = [place(i, value) for i, value in zip(band.iterations, band.low, strict=True)]
    canvas.polygon([*upper, *reversed(lower)], color=tint(color, _BAND_SHARE))
    line = [place(i, value) for i, value in zip(band.iterations, band.mean, strict=True)]
    for one, other in pairwise(line):
        canvas.line(one, other, color=color, width=2)


def _stroke(canvas: Canvas, start: Point, end: Point, color: Color, kind: str) -> None:
    if kind == "solid":
        canvas.line(start, end, color=color, width=2)
    else:
        on, off = (9, 5) if kind == "dashes" else (2.5, 4)
        canvas.dashes(start, end, color=color, width=2, on=on, off=off)


def _iteration_ticks(most: int) -> list[int]:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if most / step <= 6)
    return list(range(0, most + 1, step))
