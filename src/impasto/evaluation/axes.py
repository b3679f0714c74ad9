"""A plotting area: data to px, ticks at round numbers, labels that keep out of each other's way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from impasto.evaluation.drawing import FAINT, INK, Canvas, Color, Point, text_width

_TICK_PX, _LABEL_PX, _TITLE_PX = 12, 13, 15
_DOT_PX = 5.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A named point; `x`, `y` in data units."""

    x: float
    y: float
    label: str
    color: Color


@dataclass(frozen=True, kw_only=True)
class Range:
    """An axis: its ends in data units and its ticks, `decimals` digits behind the point."""

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int

    def share(self, value: float) -> float:
        """0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def range_of(values: Sequence[float], *, ticks: int = 7) -> Range:
    """Room for all values and a little more, with about so many ticks at 1, 2 or 5 times 10^n."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) * 0.1 or 1.0
    low, high = low - 0.12 * spread, high + 0.12 * spread
    rough = (high - low) / ticks
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return Range(
        low=low,
        high=high,
        ticks=tuple((first + i) * step for i in range(count)),
        decimals=max(0, -math.floor(math.log10(step) + 1e-9)),
    )


@dataclass(frozen=True, kw_only=True)
class LogRange:
    """An axis of positive numbers on which equal ratios are equally far apart."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """0 at `low`, 1 at `high`; what lies outside stays at the ends."""
        value = min(max(value, self.low), self.high)
        return math.log(value / self.low) / math.log(self.high / self.low)


def log_range_of(values: Sequence[float]) -> LogRange:
    """Room for all values and a little more, with ticks at 1, 2 and 5 times 10^n."""
    low, high = min(values) / 1.15, max(values) * 1.15
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (m * 10.0**e for e in exponents for m in (1, 2, 5))
    return LogRange(low=low, high=high, ticks=tuple(tick for tick in ticks if low <= tick <= high))


def draw_scatter(
    canvas: Canvas,
    marks: Sequence[Mark],
    *,
    left_top: Point,
    size: tuple[int, int],
    title: str,
    x_title: str,
    y_title: str,
) -> None:
    """Points with their names; x grows to the right, y downwards (so that less is higher up)."""
    left, top = left_top[0] + 56, left_top[1] + 52
    right, bottom = left_top[0] + size[0] - 16, left_top[1] + size[1] - 44
    xs, ys = range_of([mark.x for mark in marks]), range_of([mark.y for mark in marks])
    for tick in xs.ticks:
        x = left + xs.share(tick) * (right - left)
        canvas.line((x, top), (x, bottom))
        text = f"{tick:.{xs.decimals}f}"
        canvas.text((x, bottom + 6), text, px=_TICK_PX, color=FAINT, anchor="mt")
    for tick in ys.ticks:
        y = top + ys.share(tick) * (bottom - top)
        canvas.line((left, y), (right, y))
        text = f"{tick:.{ys.decimals}f}"
        canvas.text((left - 6, y), text, px=_TICK_PX, color=FAINT, anchor="rm")
    canvas.line((left, top), (left, bottom), color=FAINT)
    canvas.line((left, bottom), (right, bottom), color=FAINT)
    canvas.text((left_top[0] + 8, left_top[1] + 6), title, px=_TITLE_PX)
    canvas.text((left_top[0] + 8, top - 22), y_title, px=_TICK_PX, color=FAINT)
    canvas.text((right, bottom + 24), x_title, px=_TICK_PX, color=FAINT, anchor="rt")
    centres = [
        (left + xs.share(mark.x) * (right - left), top + ys.share(mark.y) * (bottom - top))
        for mark in marks
    ]
    for mark, centre in zip(marks, centres, strict=True):
        canvas.dot(centre, color=mark.color, radius=_DOT_PX)
    for mark, box in zip(
        marks, place_labels(marks, centres, (left, top, right, bottom)), strict=True
    ):
        canvas.text((box[0], box[1]), mark.label, px=_LABEL_PX, color=INK)


Box = tuple[float, float, float, float]  # left, top, right, bottom


def place_labels(marks: Sequence[Mark], centres: Sequence[Point], area: Box) -> list[Box]:
    """A place for each label near its point, clear of the others and of all points if it can be."""
    dots = [(x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX) for x, y in centres]
    placed: list[Box] = []
    for mark, (x, y) in zip(marks, centres, strict=True):
        width, height = text_width(mark.label, _LABEL_PX), float(_LABEL_PX)
        gap = _DOT_PX + 4
        corners = [
            (x + gap, y - height / 2),
            (x - gap - width, y - height / 2),
            (x - width / 2, y - gap - height),
            (x - width / 2, y + gap),
            *((x + gap, y - height / 2 + shift) for shift in (-16, 16, -30, 30)),
            *((x - gap - width, y - height / 2 + shift) for shift in (-16, 16, -30, 30)),
        ]
        boxes = [(at, up, at + width, up + height) for at, up in corners]
        placed.append(min(boxes, key=lambda box: _trouble(box, [*dots, *placed], area)))
    return placed


def _trouble(box: Box, others: Sequence[Box], area: Box) -> float:
    """Area shared with others, and what sticks out; the first of equals wins."""
    shared = sum(_overlap(box, other) for other in others)
    outside = (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, area)
    return shared + 10 * outside


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
