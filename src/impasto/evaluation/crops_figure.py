"""The figure with crops side by side, from a results file and the pictures beside it alone."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from impasto.evaluation.crops import open_kept
from impasto.evaluation.drawing import FAINT, INK, PALETTE, Canvas
from impasto.evaluation.results import Results, Row
from impasto.evaluation.tables import psnr_text

TILE_PX = 192  # side of a crop as shown
MAX_COLUMNS = 6
_GAP_PX = 10
_CAPTION_PX = 52
_TITLE_PX = 34
_BOX_COLOR = PALETTE[1]


@dataclass(frozen=True, kw_only=True)
class _Tile:
    picture: Image.Image
    lines: tuple[str, str, str]


def crops_figure(
    results: Results, folder: Path, *, sets: list[str] | None = None
) -> Image.Image | None:
    """Each kept image as one block: the whole with the crop marked, then the crop of every model.

    `folder` is where the results file lies. None if no crops were kept. Raises OptionError if a
    picture that the results name is missing or another one.
    """
    subjects = [
        (name, image)
        for name, entry in results.sets.items()
        if sets is None or name in sets
        for image in entry["images"]
        if image.get("crop")
    ]
    blocks = [(*subject, _tiles(results, folder, *subject)) for subject in subjects]
    if not blocks:
        return None
    most = max(len(tiles) for _, _, tiles in blocks)
    columns = math.ceil(most / math.ceil(most / MAX_COLUMNS))  # rows of nearly equal length
    heights = [math.ceil(len(tiles) / columns) * (TILE_PX + _CAPTION_PX) for _, _, tiles in blocks]
    several_rows = max(heights) > TILE_PX + _CAPTION_PX
    side = 2 * TILE_PX + _CAPTION_PX if several_rows else TILE_PX  # of the whole picture
    width = 2 * _GAP_PX + side + columns * (TILE_PX + _GAP_PX)
    rows = [max(height, side + _CAPTION_PX) for height in heights]
    canvas = Canvas(width, _TITLE_PX + sum(rows) + _GAP_PX)
    protocol = results.measured["protocol"]["name"]
    title = f"Super-resolution, factor {results.measured['factor']}, protocol {protocol}"
    canvas.text((_GAP_PX, _GAP_PX), title, px=17)
    top = _TITLE_PX
    for (set_name, image, tiles), height in zip(blocks, rows, strict=True):
        _draw_whole(canvas, folder, f"{set_name}/{image['name']}", image, top, side)
        for number, tile in enumerate(tiles):
            row, column = divmod(number, columns)
            left = 2 * _GAP_PX + side + column * (TILE_PX + _GAP_PX)
            _draw_tile(canvas, tile, left, top + row * (TILE_PX + _CAPTION_PX))
        top += height
    return canvas.finish()


def _tiles(results: Results, folder: Path, set_name: str, image: dict[str, Any]) -> list[_Tile]:
    """The original, the low resolution, and the models in the order of the results."""
    crop, size_hw = image["crop"], image["size_hw"]
    tiles = [
        _Tile(
            picture=open_kept(folder, crop["high_res"]),
            lines=("original", f"{size_hw[1]} x {size_hw[0]} px", ""),
        ),
        _Tile(
            picture=open_kept(folder, crop["low_res"]),
            lines=("low resolution", f"1/{results.measured['factor']} of each side", ""),
        ),
    ]
    for model in results.models:
        row = results.rows.get((set_name, image["name"], model))
        if row is not None and row.crop:
            tiles.append(_Tile(picture=open_kept(folder, row.crop), lines=_caption(results, row)))
    return tiles


def _caption(results: Results, row: Row) -> tuple[str, str, str]:
    distance = ""
    if results.measured["distances"]:
        first = results.measured["distances"][0]
        distance = f"{first['label']} {row.distances[first['name']]:.3f}"
    return row.model, f"{psnr_text(row.psnr)} dB / {row.ssim:.4f}", distance


def _draw_tile(canvas: Canvas, tile: _Tile, left: int, top: int) -> None:
    # whole multiples where it fits: the reader sees the pixels themselves
    scale = TILE_PX / max(tile.picture.size)
    scale = math.floor(scale) if scale >= 1 else scale
    size = (round(tile.picture.width * scale), round(tile.picture.height * scale))
    shown = tile.picture.resize(size, Image.Resampling.NEAREST)
    canvas.paste(shown, left, top)
    for number, (text, px, color) in enumerate(
        zip(tile.lines, (14, 12, 12), (INK, FAINT, FAINT), strict=True)
    ):
        place = (left, top + TILE_PX + 3 + 15 * number)
        canvas.text(place, text, px=px, color=color, max_width=TILE_PX)


def _draw_whole(
    canvas: Canvas, folder: Path, name: str, image: dict[str, Any], top: int, side: int
) -> None:
    """The reduced whole picture with the crop's place marked, fitted into a square."""
    whole = open_kept(folder, image["crop"]["overview"])
    scale = side / max(whole.size)
    size = (round(whole.width * scale), round(whole.height * scale))
    canvas.paste(whole.resize(size, Image.Resampling.BICUBIC), _GAP_PX, top)
    box, per_px = image["crop"]["box"], size[0] / image["size_hw"][1]
    left_top = (_GAP_PX + box["left"] * per_px, top + box["top"] * per_px)
    right_bottom = (left_top[0] + box["width"] * per_px, left_top[1] + box["height"] * per_px)
    canvas.frame(left_top, right_bottom, color=_BOX_COLOR)
    canvas.text((_GAP_PX, top + size[1] + 3), name, px=14, max_width=side)
