"""One model over a picture that is in a file: a band of tiles at a time, into another file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from impasto.engines.alpha_network import AlphaNetwork
from impasto.engines.memory import FIXED_BYTES
from impasto.engines.scratch import Scratch
from impasto.engines.stores import FileStore
from impasto.engines.superres_engine import network_for, run_network
from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_network import TileNetwork, choose_tile_px, tile_bytes
from impasto.engines.tile_runner import SMALLEST_TILE_PX
from impasto.engines.tiles import Box, split, whole
from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.media import luma
from impasto.models import SuperResModel
from impasto.painting.canvas import SampleCanvas

See = Callable[[Box], Tensor]
Tell = Callable[[float], object]
_NOTHING = torch.empty(0)
# Of the memory, for the rows of the result that a band of tiles makes.
_BAND_SHARE = 3


@dataclass(frozen=True, kw_only=True)
class LargeStep:
    """What is done to a picture of `size_hw`, of which `see` gives parts as the model takes them.

    see_alpha: gives parts of its alpha, (1, 1, h, w); network_alpha: it goes through the model too,
    its outlines softened before if they are `hard`. colors: of the result, 1 or 3. free_bytes: what
    may be used beside what the process has taken already.
    """

    model: SuperResModel
    options: SuperResOptions
    size_hw: tuple[int, int]
    see: See
    see_alpha: See | None
    network_alpha: bool
    hard: bool
    colors: int
    free_bytes: int

    @property
    def large_hw(self) -> tuple[int, int]:
        """The size of the result."""
        return self.size_hw[0] * self.model.factor, self.size_hw[1] * self.model.factor

    def run(self, scratch: Scratch, index: int, result: FileStore, on_progress: Tell) -> int:
        """Fill `result`; pass `index` and those that follow, a band each -> the next one's number.

        What was finished before an interruption stays as it is. Raises OptionError if there is
        not even memory for a tile.
        """
        height, width = self.size_hw
        top = 0
        while top < height:
            found = scratch.find(index)
            if found is None:
                bottom = min(top + self._band_rows(result), height)
                band = Box(top=top, bottom=bottom, left=0, right=width)
                self._run_band(band, result, on_progress)
                scratch.note(index, torch.tensor([float(bottom)]), _NOTHING)
            else:
                bottom = int(found[0].item())
            on_progress(bottom / height)
            top, index = bottom, index + 1
        return index

    def _run_band(self, band: Box, result: FileStore, on_progress: Tell) -> None:
        place = band.scaled(self.model.factor)
        bits = 8 * result.dtype.itemsize
        canvas = SampleCanvas.blank((place.height, place.width), result.channels, bits=bits)
        runs = 1 + (self.see_alpha is not None and self.network_alpha)

        def told(done: int) -> SuperResOptions:
            def tell(share: float) -> None:
                rows = band.height * (done + share) / runs
                on_progress((band.top + rows) / self.size_hw[0])

            tile_px = self._tile_hw(result)[1]
            return replace(self.options, tile_px=tile_px, on_progress=tell)

        def put_colors(part: Tensor, at: Box) -> None:
            canvas.put(luma(part) if self.colors == 1 else part, at.within(place))

        def put_alpha(part: Tensor, at: Box) -> None:
            canvas.put(part, at.within(place), channel=self.colors)

        run_network(
            self._network, self.size_hw, see=self.see, put=put_colors, options=told(0), region=band
        )
        if self.see_alpha is not None and self.network_alpha:
            run_network(
                self._alpha_network,
                self.size_hw,
                see=self.see_alpha,
                put=put_alpha,
                options=told(1),
                region=band,
            )
        elif self.see_alpha is not None:
            put_alpha(self.see_alpha(band), place)
        result.write(place, torch.from_numpy(canvas.array).permute(2, 0, 1)[None])

    @cached_property
    def _network(self) -> TileNetwork:
        return network_for(self.model, self.options)

    @cached_property
    def _alpha_network(self) -> AlphaNetwork:
        plain = network_for(self.model, replace(self.options, color_match="none"))
        return AlphaNetwork(network=plain, hard=self.hard)

    def _band_rows(self, result: FileStore) -> int:
        """Of equal bands: no sliver at the end."""
        high = self._tile_hw(result)[0]
        multiple = self._network.multiple
        return split(whole(self.size_hw), (high, self.size_hw[1]), multiple=multiple)[0].height

    def _tile_hw(self, result: FileStore) -> tuple[int, int]:
        """The size of a tile, whose rows make a band; what is fastest if there is memory for it."""
        network, factor = self._network, self.model.factor
        wanted = self.options.tile_px or choose_tile_px(self.model, network.dtype)
        least = min(wanted, max(SMALLEST_TILE_PX, network.multiple))
        spare = max(0, self.free_bytes - FIXED_BYTES)
        row = self.size_hw[1] * factor**2 * result.channels * result.dtype.itemsize
        high = max(least, min(wanted, spare // _BAND_SHARE // row))
        per_pixel = tile_bytes(self.model, network.dtype, 1)
        seen = (max(0, spare - high * row) / per_pixel) ** 0.5
        wide = min(wanted, int(seen) - 2 * network.radius_px)
        if wide < least:
            needed = FIXED_BYTES + high * row + per_pixel * (least + 2 * network.radius_px) ** 2
            raise OptionError(
                f"not enough memory even for one tile: {in_words(needed)} are needed beside what "
                f"the program takes, and {in_words(max(self.free_bytes, 0))} are left; allow more"
            )
        return min(high, wide), wide
