"""Work through a picture tile by tile; where the memory does not suffice, with smaller tiles."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from impasto.engines.superres_options import SuperResOptions, Tell, ignore
from impasto.engines.tiles import Box, grown, split, whole
from impasto.errors import OptionError
from impasto.events import CancelToken
from impasto.machine.memory import is_out_of_memory

SMALLEST_TILE_PX = 16

Pixels = NDArray[np.float32]
See = Callable[[Box], Pixels]
Put = Callable[[Pixels, Box], object]


class TileWork(Protocol):
    """What is done to each tile: (1, C, h, w) -> (1, C', h * factor, w * factor)."""

    @property
    def options(self) -> SuperResOptions: ...
    @property
    def factor(self) -> int: ...
    @property
    def radius_px(self) -> int: ...
    @property
    def multiple(self) -> int: ...
    @property
    def tile_px(self) -> int: ...
    @property
    def fixed_sizes(self) -> bool: ...

    def __call__(self, tile: Pixels, /) -> Pixels: ...


@dataclass(frozen=True, kw_only=True)
class _View:
    """What tiles see of a picture; at least `least_hw` of it, so that they are of few sizes."""

    size_hw: tuple[int, int]
    radius_px: int
    multiple: int
    least_hw: tuple[int, int]

    def of(self, tile: Box) -> Box:
        box = grown(tile, self.radius_px, self.size_hw, multiple=self.multiple)
        top, bottom = self._wide(box.top, box.bottom, 0)
        left, right = self._wide(box.left, box.right, 1)
        return Box(top=top, bottom=bottom, left=left, right=right)

    def _wide(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        size, least = self.size_hw[axis], self.least_hw[axis]
        if stop - start >= least:
            return start, stop
        start = min(start, max(0, size - least)) // self.multiple * self.multiple
        return start, max(stop, min(size, start + least))


class Tiles:
    """The tiles of an area, each at most `tile_px` a side: `for tile in tiles`.

    What is done to a tile stands in `with tiles.tried()`: one for which the memory does not suffice
    is cut up and comes again, and so do all that follow; `on_warning` is told. `on_progress` hears
    what share of the pixels is done. Raises OptionError if even tiles of 16 px are too large,
    Cancelled.
    """

    def __init__(
        self,
        area: Box,
        *,
        tile_px: int,
        multiple: int = 1,
        on_warning: Callable[[str], object] = lambda message: None,  # noqa: ARG005
        on_progress: Tell = ignore,
        cancel: CancelToken | None = None,
    ) -> None:
        self.area, self.tile_px, self.multiple = area, tile_px, multiple
        self.on_warning, self.on_progress, self.cancel = on_warning, on_progress, cancel
        self._fitted = True

    def __iter__(self) -> Iterator[Box]:
        pending = deque(split(self.area, self.tile_px, multiple=self.multiple))
        done, total = 0, self.area.height * self.area.width
        while pending:
            if self.cancel is not None:
                self.cancel.check()
            tile = pending.popleft()
            parts = split(tile, self.tile_px, multiple=self.multiple)
            if len(parts) > 1:
                pending.extendleft(reversed(parts))
                continue
            self._fitted = True
            yield tile
            if self._fitted:
                done += tile.height * tile.width
                self.on_progress(done / total)
                continue
            # Only now: the traceback no longer holds the failed attempt's tensors.
            torch = sys.modules.get("torch")
            if torch is not None and torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.tile_px = _smaller(tile, self.multiple)
            self.on_warning(f"not enough memory; going on with tiles of {self.tile_px} px")
            pending.appendleft(tile)

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Notes whether the memory sufficed for what is done inside."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._fitted = False


def tiles_of(
    engine: TileWork,
    size_hw: tuple[int, int],
    *,
    region: Box | None,
    tile_px: int | None,
    on_progress: Tell | None,
) -> tuple[Tiles, Callable[[Box], Box]]:
    """The tiles of a picture, or of a `region` of it, and what each has to see around it."""
    options = engine.options
    tile_px = tile_px or options.tile_px or engine.tile_px
    area = region or whole(size_hw)
    view = _View(
        size_hw=size_hw, radius_px=engine.radius_px, multiple=engine.multiple, least_hw=(0, 0)
    )
    if engine.fixed_sizes:
        windows = [view.of(tile) for tile in split(area, tile_px, multiple=engine.multiple)]
        least_hw = max(box.height for box in windows), max(box.width for box in windows)
        view = replace(view, least_hw=least_hw)
    tiles = Tiles(
        area,
        tile_px=tile_px,
        multiple=engine.multiple,
        on_warning=options.on_warning,
        on_progress=on_progress or options.on_progress,
        cancel=options.cancel,
    )
    return tiles, view.of


def _smaller(tile: Box, multiple: int) -> int:
    smaller = max(tile.height, tile.width) // 2
    if smaller < max(SMALLEST_TILE_PX, multiple):
        raise OptionError(
            f"not enough memory even for a tile of {tile.width} x {tile.height} px; close other "
            "programs, or choose another device"
        )
    return smaller
