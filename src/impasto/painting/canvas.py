"""Where the tiles of a result come together: samples as they will stand in a file, or floats."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.engines.color_match import count_levels, matching_table, to_16_bits
from impasto.engines.tiles import Box
from impasto.media import resize_long_side

_BAND_VALUES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class SampleCanvas:
    """(H, W, C) samples of uint8 or uint16: 3 or 6 bytes a pixel where floats would take 12."""

    array: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def blank(cls, size_hw: tuple[int, int], channels: int, *, bits: int) -> "SampleCanvas":
        """Nothing on it yet. Raises MemoryError where there is no room for it."""
        return cls(array=np.empty((*size_hw, channels), np.uint8 if bits == 8 else np.uint16))

    def put(self, tile: Tensor, place: Box, *, channel: int = 0) -> None:
        """Round (1, C, h, w) in [0, 1] of any device into `place`, from `channel` on."""
        largest = np.iinfo(self.array.dtype).max
        # rounded where the tile is: a quarter of the bytes cross over from another device
        kind = torch.uint8 if largest == 255 else torch.int32
        samples = tile[0].mul(largest).round_().to(kind).permute(1, 2, 0).cpu().numpy()
        last = channel + tile.shape[1]
        self.array[place.top : place.bottom, place.left : place.right, channel:last] = samples

    def see(self, window: Box) -> Tensor:
        """That part as (1, C, h, w) float32 in [0, 1]."""
        part = self.array[window.top : window.bottom, window.left : window.right]
        scale = np.float32(np.iinfo(self.array.dtype).max)
        return torch.from_numpy(part.astype(np.float32) / scale).permute(2, 0, 1)[None]

    def match_histograms(self, low_res: Tensor) -> None:
        """Give each colour the distribution that it has in (C, h, w) in [0, 1]; 16 bits only.

        As `match_colors`; the picture is gone through twice, in bands.
        """
        rows = max(1, _BAND_VALUES // self.array.shape[1])
        bands = [self.array[top : top + rows] for top in range(0, self.array.shape[0], rows)]
        for channel, wanted in enumerate(low_res):
            counts = np.sum([count_levels(band[..., channel]) for band in bands], axis=0)
            table = matching_table(counts, count_levels(to_16_bits(wanted)))
            for band in bands:
                band[..., channel] = table[band[..., channel]]

    def narrowed(self) -> "SampleCanvas":
        """The same picture in 8 bits, in the first half of this canvas's memory.

        The other half is given back. This canvas is used up: its array holds nothing sensible.
        """
        if self.array.dtype == np.uint8:
            return self
        shape, count = self.array.shape, self.array.size
        self._narrow_in_place()
        # realloc, which moves nothing; no other view of the array is left
        self.array.resize((count + 1) // 2, refcheck=False)
        return SampleCanvas(array=self.array.view(np.uint8)[:count].reshape(shape))

    def _narrow_in_place(self) -> None:
        samples = self.array.reshape(-1)
        narrow = samples.view(np.uint8)
        for start in range(0, samples.size, _BAND_VALUES):
            part = samples[start : start + _BAND_VALUES].astype(np.uint32)
            # written behind what is still to be read
            narrow[start : start + part.size] = (part * 255 + 32767) // 65535

    def resized(self, long_side: int) -> "SampleCanvas":
        """The same picture with its longer side of that many pixels; one channel at a time."""
        scale = float(np.iinfo(self.array.dtype).max)
        planes = []
        for channel in range(self.array.shape[2]):
            plane = torch.from_numpy(self.array[..., channel].astype(np.float32))[None, None]
            planes.append(resize_long_side(plane.div_(scale), long_side).mul_(scale).round_())
            del plane
        stacked = torch.cat(planes, dim=1)[0].permute(1, 2, 0).numpy()
        return SampleCanvas(array=np.ascontiguousarray(stacked, self.array.dtype))
