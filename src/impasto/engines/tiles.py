"""Where a picture is cut into tiles, and what each tile must see around it.

Pure geometry, in low-resolution pixels. A tile that sees `radius_px` pixels beyond its edges gets
the whole picture's result, as long as it ends where the picture ends: what a network puts beyond
the border, it must put there and nowhere else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

PixelsT = TypeVar("PixelsT")  # an array, or a tensor


@dataclass(frozen=True, kw_only=True)
class Box:
    """Rows [top, bottom) and columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def of(self, pixels: PixelsT) -> PixelsT:
        """This part of (..., H, W)."""
        rows, columns = slice(self.top, self.bottom), slice(self.left, self.right)
        return cast(PixelsT, cast(Any, pixels)[..., rows, columns])

    def moved(self, down: int, right: int) -> "Box":
        """The box of the same size so many pixels further down and to the right."""
        return Box(
            top=self.top + down,
            bottom=self.bottom + down,
            left=self.left + right,
            right=self.right + right,
        )

    def scaled(self, factor: int) -> "Box":
        """The same part of a picture whose sides are `factor` times as long."""
        return Box(
            top=self.top * factor,
            bottom=self.bottom * factor,
            left=self.left * factor,
            right=self.right * factor,
        )

    def within(self, outer: "Box") -> "Box":
        """This box as counted from the corner of `outer`."""
        return self.moved(-outer.top, -outer.left)


def whole(size_hw: tuple[int, int]) -> Box:
    """The box of a whole picture."""
    return Box(top=0, bottom=size_hw[0], left=0, right=size_hw[1])


def split(
    box: Box, tile_px: int | tuple[int, int], *, multiple: int | tuple[int, int] = 1
) -> list[Box]:
    """Cut `box` into nearly equal tiles, row by row, of at most `tile_px` a side, or (high, wide).

    Tiles start at multiples of `multiple`, as `box` must, and are at least that long.
    """
    high, wide = (tile_px, tile_px) if isinstance(tile_px, int) else tile_px
    down, across = (multiple, multiple) if isinstance(multiple, int) else multiple
    rows = _cuts(box.top, box.bottom, high, down)
    return _boxes(rows, list(_cuts(box.left, box.right, wide, across)))


def grid_cells(box: Box, cell_hw: tuple[int, int]) -> list[Box]:
    """The cells of the picture's grid that `box` covers, row by row; cut where it ends."""
    rows = _lines(box.top, box.bottom, cell_hw[0])
    return _boxes(rows, list(_lines(box.left, box.right, cell_hw[1])))


def grown(box: Box, radius_px: int, size_hw: tuple[int, int], *, multiple: int = 1) -> Box:
    """What must be seen to compute `box`: it and `radius_px` around it, within the picture.

    It starts at a multiple of `multiple`, and ends at one or with the picture.
    """
    height, width = size_hw
    return Box(
        top=max(0, _floor(box.top - radius_px, multiple)),
        bottom=min(height, _ceil(box.bottom + radius_px, multiple)),
        left=max(0, _floor(box.left - radius_px, multiple)),
        right=min(width, _ceil(box.right + radius_px, multiple)),
    )


def _boxes(rows: Iterable[tuple[int, int]], columns: list[tuple[int, int]]) -> list[Box]:
    return [
        Box(top=top, bottom=bottom, left=left, right=right)
        for top, bottom in rows
        for left, right in columns
    ]


def _lines(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    for first in range(_floor(start, step), stop, step):
        yield max(first, start), min(first + step, stop)


def _cuts(start: int, stop: int, tile_px: int, multiple: int) -> Iterator[tuple[int, int]]:
    longest = max(multiple, _floor(tile_px, multiple))
    count = -(-(stop - start) // longest)
    step = _ceil(-(-(stop - start) // count), multiple)  # equal tiles: no sliver at the end
    for first in range(start, stop, step):
        yield first, min(first + step, stop)


def _floor(value: int, multiple: int) -> int:
    return value // multiple * multiple


def _ceil(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
