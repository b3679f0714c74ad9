"""Rows of kept pictures with captions: reconstructions by layer, the qualitative sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from impasto.evaluation.drawing import FAINT, INK, Canvas

_GAP_PX = 10
_TITLE_PX = 34
_LINE_PX = 16


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A picture, shown at its own pixels, and lines below it."""

    picture: Image.Image
    lines: tuple[str, ...] = ()


def picture_grid(title: str, rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """Each row from the left; columns as wide as their widest picture."""
    columns = max(len(row) for row in rows)
    widths = [
        max((row[i].picture.width for row in rows if i < len(row)), default=0)
        for i in range(columns)
    ]
    heights = [
        max(cell.picture.height + _LINE_PX * len(cell.lines) for cell in row) + 6 for row in rows
    ]
    width = max(sum(widths) + _GAP_PX * (columns + 1), 420)
    canvas = Canvas(width, _TITLE_PX + sum(heights) + _GAP_PX * len(rows))
    canvas.text((_GAP_PX, 9), title, px=16, max_width=width - 2 * _GAP_PX)
    top = _TITLE_PX
    for row, height in zip(rows, heights, strict=True):
        left = _GAP_PX
        for cell, cell_width in zip(row, widths, strict=False):
            _draw_cell(canvas, cell, left, top, cell_width)
            left += cell_width + _GAP_PX
        top += height + _GAP_PX
    return canvas.finish()


def _draw_cell(canvas: Canvas, cell: Cell, left: int, top: int, width: int) -> None:
    canvas.paste(cell.picture, left, top)
    for number, line in enumerate(cell.lines):
        place = (left, top + cell.picture.height + 4 + _LINE_PX * number)
        color, px = (FAINT, 12) if number else (INK, 13)
        canvas.text(place, line, px=px, color=color, max_width=width)
