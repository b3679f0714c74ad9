"""Work through a picture tile by tile; where the memory does not suffice, with smaller tiles."""

import sys
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

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


class TileWork(ABC):
    """What is done to each tile: (1, C, h, w) -> (1, C', h * factor, w * factor)."""

    options: SuperResOptions

    @property
    @abstractmethod
    def factor(self) -> int:
        """How many times as high and wide the result is."""

    @property
    @abstractmethod
    def radius_px(self) -> int:
        """How far an output pixel sees, in low-resolution pixels."""

    @property
    @abstractmethod
    def multiple(self) -> int:
        """Tiles must start at multiples of this."""

    @property
    @abstractmethod
    def tile_px(self) -> int:
        """The side of a tile, without what it sees around it, that is fastest."""

    @property
    @abstractmethod
    def fixed_sizes(self) -> bool:
        """Whether tiles should be of few sizes."""

    @abstractmethod
    def __call__(self, tile: Pixels) -> Pixels:
        """One tile, with what it sees around it."""

    def run(
        self,
        size_hw: tuple[int, int],
        *,
        see: See,
        put: Put,
        region: Box | None = None,
        tile_px: int | None = None,
        on_progress: Tell | None = None,
    ) -> None:
        """Do every tile of a picture of `size_hw`, or of a `region` of it.

        see: gives a part of the picture, (1, C, h, w). put: takes a finished part, (1, C', H, W),
        and its place in the result. Where the memory does not suffice tiles become smaller. Raises
        ModelError if the network gives NaN or infinity in float32 too, OptionError if there is no
        memory even for a small tile, Cancelled.
        """
        options, factor = self.options, self.factor
        tile_px = tile_px or options.tile_px or self.tile_px
        area = region or whole(size_hw)
        view = _View(
            size_hw=size_hw, radius_px=self.radius_px, multiple=self.multiple, least_hw=(0, 0)
        )
        if self.fixed_sizes:
            windows = [view.of(tile) for tile in split(area, tile_px, multiple=self.multiple)]
            least_hw = max(box.height for box in windows), max(box.width for box in windows)
            view = replace(view, least_hw=least_hw)
        tiles = Tiles(
            area,
            tile_px=tile_px,
            multiple=self.multiple,
            on_warning=options.on_warning,
            on_progress=on_progress or options.on_progress,
            cancel=options.cancel,
        )
        for tile in tiles:
            with tiles.tried(tile):
                window = view.of(tile)
                output = self(see(window))
                put(tile.within(window).scaled(factor).of(output), tile.scaled(factor))


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
    """Every tile of an area, each at most `tile_px` a side.

    `for tile in tiles:`, and `with tiles.tried(tile):` around the work. A tile for which the memory
    does not suffice is cut up and tried again, and so are all that follow; `on_warning` is told.
    `on_progress` hears what share of the pixels is done. Iterating raises OptionError if even tiles
    of 16 px are too large, and Cancelled.
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
        self._tile_px, self._multiple = tile_px, multiple
        self._on_warning, self._on_progress, self._cancel = on_warning, on_progress, cancel
        self._pending = deque(split(area, tile_px, multiple=multiple))
        self._done, self._total = 0, area.height * area.width

    def __iter__(self) -> Iterator[Box]:
        while self._pending:
            if self._cancel is not None:
                self._cancel.check()
            tile = self._pending.popleft()
            parts = split(tile, self._tile_px, multiple=self._multiple)
            if len(parts) == 1:
                yield tile
            else:
                self._pending.extendleft(reversed(parts))

    @contextmanager
    def tried(self, tile: Box) -> Iterator[None]:
        """Around the work on a tile."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # the traceback holds the failed attempt's tensors
            traceback.clear_frames(error.__traceback__)
        else:
            self._done += tile.height * tile.width
            self._on_progress(self._done / self._total)
            return
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._tile_px = _smaller(tile, self._multiple)
        self._on_warning(f"not enough memory; going on with tiles of {self._tile_px} px")
        self._pending.appendleft(tile)


def _smaller(tile: Box, multiple: int) -> int:
    smaller = max(tile.height, tile.width) // 2
    if smaller < max(SMALLEST_TILE_PX, multiple):
        raise OptionError(
            f"not enough memory even for a tile of {tile.width} x {tile.height} px; close other "
            "programs, or choose another device"
        )
    return smaller
