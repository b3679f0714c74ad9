"""Text, marks and lines on a Pillow image, smooth at the edges: all that the figures need.

Everything is drawn larger and reduced at the end. Pillow is here anyway; a plotting library would
be the largest dependency after PyTorch, for two kinds of figure.
"""

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Point = tuple[float, float]
Anchor = Literal["lt", "mt", "rt", "lm", "mm", "rm", "lb", "mb", "rb"]

INK: Color = (32, 32, 36)
FAINT: Color = (120, 120, 128)
RULE: Color = (222, 222, 228)
PAPER: Color = (255, 255, 255)
# Okabe and Ito's palette, told apart by colour-blind readers too; its yellow is left out
PALETTE: tuple[Color, ...] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (0, 0, 0),
    (120, 94, 240),
    (150, 75, 0),
    (128, 128, 128),
)
_SCALE = 2  # of the drawing over the finished picture, per side


class Canvas:
    """A white picture in px of the finished size; positions may be fractions."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self,
        place: Point,
        text: str,
        *,
        px: int = 13,
        color: Color = INK,
        anchor: Anchor = "lt",
        max_width: float | None = None,
    ) -> None:
        """One line; what is wider than `max_width` is cut with "..."."""
        text = fitted(text, px, max_width)
        font = _font(px * _SCALE)
        self._draw.text(_scaled(place), text, fill=color, font=font, anchor=anchor)

    def line(self, start: Point, end: Point, *, color: Color = RULE, width: float = 1) -> None:
        self._draw.line([_scaled(start), _scaled(end)], fill=color, width=round(width * _SCALE))

    def polygon(self, corners: Sequence[Point], *, color: Color) -> None:
        """Filled, without an outline."""
        self._draw.polygon([_scaled(corner) for corner in corners], fill=color)

    def dashes(
        self, start: Point, end: Point, *, color: Color, width: float = 1, on: float, off: float
    ) -> None:
        """A straight line of dashes `on` px long, `off` px apart."""
        length = math.dist(start, end)
        for number in range(math.ceil(length / (on + off))):
            ends = (number * (on + off), min(number * (on + off) + on, length))
            one, other = (
                (
                    start[0] + (end[0] - start[0]) * at / length,
                    start[1] + (end[1] - start[1]) * at / length,
                )
                for at in ends
            )
            self.line(one, other, color=color, width=width)

    def dot(self, centre: Point, *, color: Color, radius: float = 5) -> None:
        x, y = _scaled(centre)
        reach = radius * _SCALE
        self._draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=color)

    def frame(self, left_top: Point, right_bottom: Point, *, color: Color, width: int = 2) -> None:
        """A rectangle's outline, inside the two corners."""
        box = (*_scaled(left_top), *(end - 1 for end in _scaled(right_bottom)))
        self._draw.rectangle(box, outline=color, width=width * _SCALE)

    def paste(self, picture: Image.Image, left: int, top: int) -> None:
        """A picture at its own resolution: its pixels stay what they are."""
        size = (picture.width * _SCALE, picture.height * _SCALE)
        scaled = picture.resize(size, Image.Resampling.NEAREST)
        self._image.paste(scaled, (left * _SCALE, top * _SCALE))

    def finish(self) -> Image.Image:
        """(width, height) RGB."""
        return self._image.reduce(_SCALE)


def tint(color: Color, share: float) -> Color:
    """`share` of the colour on white paper: 0 is white."""
    red, green, blue = (
        round(paper + share * (value - paper)) for value, paper in zip(color, PAPER, strict=True)
    )
    return red, green, blue


def text_width(text: str, px: int) -> float:
    """In px of the finished picture."""
    return float(_font(px * _SCALE).getlength(_plain(text))) / _SCALE


def fitted(text: str, px: int, max_width: float | None) -> str:
    """`text`, or as much of it with "..." behind as is `max_width` px wide."""
    text = _plain(text)
    if max_width is None or text_width(text, px) <= max_width:
        return text
    while text and text_width(f"{text}...", px) > max_width:
        text = text[:-1]
    return f"{text}..."


@lru_cache(maxsize=16)
def _font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=px)


def _scaled(place: Point) -> Point:
    return place[0] * _SCALE, place[1] * _SCALE


def _plain(text: str) -> str:
    """Pillow's built-in font has no accented letters: the letter without its accent."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))
