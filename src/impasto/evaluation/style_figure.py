"""`impasto evaluate style` as pictures: distances as points, and the confusion table in tints."""

from collections.abc import Mapping

from PIL import Image

from impasto.evaluation.axes import Mark, draw_scatter
from impasto.evaluation.drawing import INK, PALETTE, PAPER, Canvas, text_width, tint
from impasto.evaluation.record import Record
from impasto.evaluation.style_summary import StyleScore, style_scores, untouched_nearest

_SCATTER_PX = (560, 420)
_TITLE_PX = 34
_CELL_PX = 46
_TEXT_PX = 13


def style_figures(record: Record) -> dict[str, Image.Image]:
    """`distances` and `nearest`; nothing if nothing is measured."""
    scores = style_scores(record)
    if not scores:
        return {}
    return {"distances": _distances(record, scores), "nearest": _nearest(record, scores)}


def _distances(record: Record, scores: list[StyleScore]) -> Image.Image:
    canvas = Canvas(_SCATTER_PX[0], _TITLE_PX + _SCATTER_PX[1])
    title = f"Bundled styles by {record.settings['loss_network']}"
    canvas.text((8, 10), title, px=17, max_width=canvas.width - 16)
    marks = [
        Mark(
            x=score.content_distance,
            y=score.style_distance,
            label=score.style,
            color=PALETTE[number % len(PALETTE)],
        )
        for number, score in enumerate(scores)
    ]
    draw_scatter(
        canvas,
        marks,
        left_top=(0, _TITLE_PX),
        size=_SCATTER_PX,
        title=f"means over {max(score.photos for score in scores)} photos",
        x_title="content distance to the photo (less is nearer)",
        y_title="style distance to the painting (less is nearer: higher up)",
    )
    return canvas.finish()


def _nearest(record: Record, scores: list[StyleScore]) -> Image.Image:
    names = [score.style for score in scores]
    rows: list[tuple[str, Mapping[str, int]]] = [(s.style, s.nearest) for s in scores]
    rows.append(("(untouched)", untouched_nearest(record)))
    label = max(text_width(name, _TEXT_PX) for name, _ in rows) + 16
    left, top = 10 + label, _TITLE_PX + 30 + 18 * len(names)
    width = max(left + _CELL_PX * len(names) + 90, 480)
    canvas = Canvas(round(width), round(top + _CELL_PX * len(rows) + 12))
    canvas.text((10, 9), "Which painting is nearest to photos painted as ...", px=17)
    for column, name in enumerate(names):  # a staircase, as Pillow's text does not turn
        x = left + (column + 0.5) * _CELL_PX
        y = _TITLE_PX + 18 + 18 * column
        canvas.line((x, y + 9), (x, top - 3))
        canvas.text((x - 4, y), name, px=_TEXT_PX, anchor="lm")
    for row, (name, counts) in enumerate(rows):
        total = max(sum(counts.values()), 1)
        y = top + row * _CELL_PX
        canvas.text((left - 8, y + _CELL_PX / 2), name, px=_TEXT_PX, anchor="rm")
        for column, painting in enumerate(names):
            count = counts.get(painting, 0)
            x = left + column * _CELL_PX
            _cell(canvas, x, y, count, count / total)
    return canvas.finish()


def _cell(canvas: Canvas, x: float, y: float, count: int, share: float) -> None:
    inner = _CELL_PX - 2
    corners = [(x, y), (x + inner, y), (x + inner, y + inner), (x, y + inner)]
    canvas.polygon(corners, color=tint(PALETTE[0], 0.06 + 0.94 * share))
    color = PAPER if share > 0.5 else INK
    if count:
        place = (x + inner / 2, y + inner / 2)
        canvas.text(place, str(count), px=_TEXT_PX, color=color, anchor="mm")
