"""Sheets of kept pictures with captions, pixel for pixel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from impasto.evaluation.record import open_kept
from impasto.evaluation.results import Results, Row
from impasto.evaluation.tables import psnr_text
from research.plots import DPI, FAINT, PALETTE

TILE_PX = 192  # side of a crop as shown
MAX_COLUMNS = 6
_GAP_PX, _TITLE_PX, _LINE_PX, _CAPTION_PX = 10, 34, 16, 52
_LETTER_SHARE = 0.57  # of the type's size: no wider is a letter, on average


class _Sheet:
    """White paper in px, from its top left corner."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        self.text(_GAP_PX, 9, title, px=15, width=width - _GAP_PX)

    def picture(self, picture: Image.Image, left: int, top: int) -> None:
        """At its own resolution: its pixels stay what they are."""
        self.figure.figimage(np.asarray(picture), left, self.height - top - picture.height)

    def text(
        self, left: int, top: int, text: str, *, px: int, width: int, color: str = "black"
    ) -> None:
        """One line; what is wider than `width` is cut with "..."."""
        letters = round(width / px / _LETTER_SHARE)
        shown = text if len(text) <= letters else text[: letters - 3] + "..."
        place = left / self.width, 1 - top / self.height
        self.figure.text(*place, shown, fontsize=px * 72 / DPI, color=color, va="top")

    def frame(self, left: float, top: float, width: float, height: float) -> None:
        place = left, self.height - top - height
        edge = Rectangle(place, width, height, fill=False, color=PALETTE[1], lw=1.5, transform=None)
        self.figure.add_artist(edge)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A picture and lines below it."""

    picture: Image.Image
    lines: tuple[str, ...] = ()

    def draw(self, sheet: _Sheet, left: int, top: int, width: int, text_top: int) -> None:
        """At its own pixels; the text may be `width` wide."""
        sheet.picture(self.picture, left, top)
        for number, line in enumerate(self.lines):
            color, px = (FAINT, 12) if number else ("black", 13)
            sheet.text(left, text_top + _LINE_PX * number, line, px=px, width=width, color=color)


def picture_grid(title: str, rows: Sequence[Sequence[Cell]]) -> Figure:
    """Each row from the left; columns as wide as their widest picture."""
    columns = range(max(len(row) for row in rows))
    widths = [max(row[i].picture.width for row in rows if i < len(row)) for i in columns]
    heights = [
        max(cell.picture.height + _LINE_PX * len(cell.lines) for cell in row) + 6 for row in rows
    ]
    width = max(sum(widths) + _GAP_PX * (len(columns) + 1), 420)
    sheet = _Sheet(width, _TITLE_PX + sum(heights) + _GAP_PX * len(rows), title)
    top = _TITLE_PX
    for row, height in zip(rows, heights, strict=True):
        left = _GAP_PX
        for cell, cell_width in zip(row, widths, strict=False):
            cell.draw(sheet, left, top, cell_width, top + cell.picture.height + 4)
            left += cell_width + _GAP_PX
        top += height + _GAP_PX
    return sheet.figure


def crops_sheet(results: Results, folder: Path, set_name: str) -> Figure | None:
    """Each kept image as one block: the whole with the crop marked, then the crop of every model.

    `folder` is where the results file lies. None if no crops were kept. Raises OptionError if a
    picture that the results name is missing or another one.
    """
    images = [image for image in results.sets[set_name]["images"] if image.get("crop")]
    blocks = [_tiles(results, folder, set_name, image) for image in images]
    if not blocks:
        return None
    most, row_px = max(len(tiles) for tiles in blocks), TILE_PX + _CAPTION_PX
    columns = math.ceil(most / math.ceil(most / MAX_COLUMNS))  # rows of nearly equal length
    heights = [math.ceil(len(tiles) / columns) * row_px for tiles in blocks]
    side = TILE_PX + row_px if max(heights) > row_px else TILE_PX  # of the whole picture
    heights = [max(height, side + _CAPTION_PX) for height in heights]
    left = 2 * _GAP_PX + side
    protocol = results.measured["protocol"]["name"]
    title = f"Super-resolution, factor {results.measured['factor']}, protocol {protocol}"
    sheet = _Sheet(left + columns * (TILE_PX + _GAP_PX), _TITLE_PX + sum(heights) + _GAP_PX, title)
    top = _TITLE_PX
    for image, tiles, height in zip(images, blocks, heights, strict=True):
        _draw_whole(sheet, folder, f"{set_name}/{image['name']}", image, top, side)
        for number, tile in enumerate(tiles):
            row, column = divmod(number, columns)
            place = left + column * (TILE_PX + _GAP_PX), top + row * row_px
            tile.draw(sheet, *place, TILE_PX, place[1] + TILE_PX + 3)
        top += height
    return sheet.figure


def _tiles(results: Results, folder: Path, set_name: str, image: dict[str, Any]) -> list[Cell]:
    """The original, the low resolution, and the models in the order of the results."""
    crop, size_hw = image["crop"], image["size_hw"]
    size, factor = f"{size_hw[1]} x {size_hw[0]} px", results.measured["factor"]
    tiles = [
        _tile(folder, crop["high_res"], "original", size),
        _tile(folder, crop["low_res"], "low resolution", f"1/{factor} of each side"),
    ]
    rows = (results.rows.get((set_name, image["name"], model)) for model in results.models)
    tiles += [_tile(folder, row.crop, *_caption(results, row)) for row in rows if row and row.crop]
    return tiles


def _tile(folder: Path, kept: dict[str, Any], *lines: str) -> Cell:
    picture = open_kept(folder, kept)
    # whole multiples where it fits: the reader sees the pixels themselves
    scale = TILE_PX / max(picture.size)
    scale = math.floor(scale) if scale >= 1 else scale
    size = round(picture.width * scale), round(picture.height * scale)
    return Cell(picture=picture.resize(size, Image.Resampling.NEAREST), lines=lines)


def _caption(results: Results, row: Row) -> list[str]:
    lines = [row.model, f"{psnr_text(row.psnr)} dB / {row.ssim:.4f}"]
    if results.measured["distances"]:
        first = results.measured["distances"][0]
        lines.append(f"{first['label']} {row.distances[first['name']]:.3f}")
    return lines


def _draw_whole(
    sheet: _Sheet, folder: Path, name: str, image: dict[str, Any], top: int, side: int
) -> None:
    """The reduced whole picture with the crop's place marked, fitted into a square."""
    whole = open_kept(folder, image["crop"]["overview"])
    scale = side / max(whole.size)
    size = (round(whole.width * scale), round(whole.height * scale))
    sheet.picture(whole.resize(size, Image.Resampling.BICUBIC), _GAP_PX, top)
    box, per_px = image["crop"]["box"], size[0] / image["size_hw"][1]
    left_top = _GAP_PX + box["left"] * per_px, top + box["top"] * per_px
    sheet.frame(*left_top, box["width"] * per_px, box["height"] * per_px)
    sheet.text(_GAP_PX, top + size[1] + 3, name, px=14, width=side)
