"""Contact sheets: several images in a grid, with captions."""

import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from impasto.errors import OptionError

_TEXT_PX = 16
_CAPTION_PX = 26
_INK = 40  # dark grey, 8-bit
_PAPER = 1.0


def contact_sheet(
    rows: Sequence[Sequence[Tensor]], *, gap_px: int = 8, labels: Sequence[str] | None = None
) -> Tensor:
    """Rows of images, each (1, 3, h, w) in [0, 1] -> one sheet (1, 3, H, W) on white.

    A column is as wide as its widest image, a row as high as its highest; smaller images sit in
    the middle. Rows may differ in length. labels: one for each image in reading order, drawn above
    it; what is too long is cut with "...". Raises OptionError if there is no image, a shape is
    wrong, or there is another number of labels than of images.
    """
    cells = [list(row) for row in rows if len(row)]
    _check(cells, labels)
    columns = max(len(row) for row in cells)
    widths = [max(row[i].shape[3] for row in cells if i < len(row)) for i in range(columns)]
    heights = [max(cell.shape[2] for cell in row) for row in cells]
    caption_px = _CAPTION_PX if labels else 0
    sheet_height = gap_px + sum(heights) + (caption_px + gap_px) * len(cells)
    sheet = torch.full((1, 3, sheet_height, gap_px + sum(widths) + gap_px * columns), _PAPER)
    captions = iter(labels or ())
    top = gap_px
    for row, height in zip(cells, heights, strict=True):
        left = gap_px
        cells_top = top + caption_px
        for cell, width in zip(row, widths, strict=False):
            if labels:
                strip = _drawn_text(next(captions), width)
                sheet[..., top:cells_top, left : left + width] = strip
            _place(sheet, cell, cells_top, left, height, width)
            left += width + gap_px
        top = cells_top + height + gap_px
    return sheet


def _check(cells: list[list[Tensor]], labels: Sequence[str] | None) -> None:
    if not cells:
        raise OptionError("contact_sheet: no images; give at least one row with one image")
    images = [cell for row in cells for cell in row]
    for cell in images:
        if cell.ndim != 4 or tuple(cell.shape[:2]) != (1, 3):
            raise OptionError(f"contact_sheet: wanted images (1, 3, h, w), got {tuple(cell.shape)}")
    if labels and len(labels) != len(images):
        raise OptionError(
            f"contact_sheet: {len(labels)} labels; give {len(images)}, one for each image"
        )


def _place(sheet: Tensor, cell: Tensor, top: int, left: int, height: int, width: int) -> None:
    top += (height - cell.shape[2]) // 2
    left += (width - cell.shape[3]) // 2
    pixels = cell.detach().to("cpu", torch.float32).clamp(0, 1)
    sheet[..., top : top + cell.shape[2], left : left + cell.shape[3]] = pixels


def _drawn_text(text: str, width: int) -> Tensor:
    """One line, centred: (3, _CAPTION_PX, width)."""
    # Pillow's built-in font has no accented letters: draw the letter without its accent.
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    font = ImageFont.load_default(size=_TEXT_PX)
    if font.getlength(text) > width:
        while text and font.getlength(text + "...") > width:
            text = text[:-1]
        text += "..."
    image = Image.new("L", (width, _CAPTION_PX), 255)
    place = (width / 2, _CAPTION_PX / 2)
    ImageDraw.Draw(image).text(place, text, fill=_INK, font=font, anchor="mm")
    return torch.from_numpy(np.array(image, np.float32) / 255).expand(3, -1, -1)
