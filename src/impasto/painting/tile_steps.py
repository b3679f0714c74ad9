"""One model over a picture, tile by tile: at once in memory, or band by band from file to file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from impasto.engines.memory import FIXED_BYTES
from impasto.engines.tile_engine import TileEngine
from impasto.engines.tiles import Box, split, whole
from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.media.picture import LUMA_WEIGHTS
from impasto.painting.canvas import ArrayPlane, Canvas, Floats, Plane, Room
from impasto.painting.preparing import Tell

_SMALLEST_TILE_PX = 16
_BAND_SHARE = 3  # of the memory, for the rows of the result that a band of tiles makes


@dataclass(kw_only=True)
class TileStep:
    """One model over a picture of `size_hw`, into `plane`: at once in memory, or band by band.

    colors: of the result, 1 or 3. runs: 2 where alpha goes through the model too. free_bytes: what
    may be used beside what the process has taken already; None: what is fastest is taken.
    """

    engine: TileEngine
    size_hw: tuple[int, int]
    colors: int
    plane: Plane
    free_bytes: int | None
    tell: Tell
    runs: int
    _target: Plane = field(init=False)
    _place: Box = field(init=False)

    def bands(self, room: Room, before: Canvas) -> Iterator[Box]:
        """The parts of the picture that are still to be done; each is stored before the next one.

        before: the picture that the step starts from.
        """
        height, width = self.size_hw
        top = 0
        while top < height:
            noted = room.recall()
            if noted is not None:
                top = int(noted[0])
                self.tell(top / height)
                continue
            bottom = height if room.in_memory else min(top + self._band_rows(), height)
            band = Box(top=top, bottom=bottom, left=0, right=width)
            self._place = band.scaled(self.engine.factor)
            self._target = self.plane
            if not room.in_memory:
                shape = (self._place.height, self._place.width, self.plane.channels)
                self._target = ArrayPlane(np.empty(shape, self.plane.dtype))
            yield band
            if self.plane.channels > self.colors and self.runs == 1:
                self.put_alpha(before.see_alpha(band), self._place)
            if not room.in_memory:
                self.plane.write(self._place, self._target.read(whole(self._target.size_hw)))
                room.note(float(bottom))
            top = bottom
            self.tell(top / height)

    def put_colors(self, part: Floats, at: Box) -> None:
        """Take a finished tile, (1, 3, h, w)."""
        self._put(luma(part) if self.colors == 1 else part, at, 0)

    def put_alpha(self, part: Floats, at: Box) -> None:
        """Take a finished tile of alpha, (1, 1, h, w)."""
        self._put(part, at, self.colors)

    def _put(self, part: Floats, at: Box, first: int) -> None:
        target, box = self._target, at.within(self._place)
        assert isinstance(target, ArrayPlane)
        target.put(box, part, first)

    def telling(self, band: Box, done: int) -> Tell:
        """Takes what share of a band one of the runs has done."""

        def tell(share: float) -> None:
            self.tell((band.top + band.height * (done + share) / self.runs) / self.size_hw[0])

        return tell

    def _band_rows(self) -> int:
        """Of equal bands: no sliver at the end."""
        tile_hw = (self.tile_hw[0], self.size_hw[1])
        return split(whole(self.size_hw), tile_hw, multiple=self.engine.multiple)[0].height

    @cached_property
    def tile_hw(self) -> tuple[int, int]:
        """The size of a tile, whose rows make a band; what is fastest if there is memory for it.

        Raises OptionError if there is not even memory for a small one.
        """
        engine = self.engine
        wanted = engine.tile_px
        if self.free_bytes is None:
            return wanted, wanted
        least = min(wanted, max(_SMALLEST_TILE_PX, engine.multiple))
        spare = max(0, self.free_bytes - FIXED_BYTES)
        row = self.size_hw[1] * engine.factor**2 * self.plane.channels * self.plane.dtype.itemsize
        high = max(least, min(wanted, spare // _BAND_SHARE // row))
        per_pixel = engine.tile_bytes(1)
        seen = (max(0, spare - high * row) / per_pixel) ** 0.5
        wide = min(wanted, int(seen) - 2 * engine.radius_px)
        if wide < least:
            needed = FIXED_BYTES + high * row + per_pixel * (least + 2 * engine.radius_px) ** 2
            raise OptionError(
                f"not enough memory even for one tile: {in_words(needed)} are needed beside what "
                f"the program takes, and {in_words(max(self.free_bytes, 0))} are left; allow more"
            )
        return min(high, wide), wide


def luma(pixels: Floats) -> Floats:
    """(1, 3, h, w) -> (1, 1, h, w); grey as it is."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = LUMA_WEIGHTS
    gray: Floats = red * pixels[:, 0:1] + green * pixels[:, 1:2] + blue * pixels[:, 2:3]
    return gray
