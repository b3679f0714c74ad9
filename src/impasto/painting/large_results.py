"""A large result on its way from the scratch folder into its file, as the writers read it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.engines.color_match import (
    LEVELS,
    Counts,
    count_levels,
    matching_table,
    to_16_bits,
)
from impasto.engines.stores import FileStore
from impasto.engines.tiles import Box
from impasto.media.resizing import resampled_rows
from impasto.media.samples import ArraySamples, Integers, bands

_BAND_PIXELS = 1 << 20

Table = NDArray[np.uint16]
SeeRows = Callable[[int, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class LargeResult:
    """The samples in `store`, see `SampleRows`; brought to `size_hw` where that is another size.

    tables: for each colour a map of its levels. bits: to which the samples are rounded after that.
    on_progress: hears what part has been read.
    """

    store: FileStore
    tables: tuple[Table, ...]
    bits: int
    size_hw: tuple[int, int]
    on_progress: Callable[[float], object]

    @property
    def channels(self) -> int:
        return self.store.channels

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        if self.size_hw == self.store.size_hw:
            samples = self._mapped(top, bottom)
        else:
            step = max(1, int(_BAND_PIXELS * self.size_hw[0] / _pixels(self.store)))
            parts = [
                self._resized(start, min(start + step, bottom))
                for start in range(top, bottom, step)
            ]
            samples = np.concatenate(parts)
        self.on_progress(bottom / self.size_hw[0])
        return ArraySamples(array=samples).rows(0, bottom - top, bits=bits)

    def _mapped(self, top: int, bottom: int) -> Integers:
        samples = stored_rows(self.store, top, bottom)
        for channel, table in enumerate(self.tables):
            samples[..., channel] = table[samples[..., channel]]
        return ArraySamples(array=samples).rows(0, bottom - top, bits=self.bits)

    def _resized(self, top: int, bottom: int) -> Integers:
        largest = float(2**self.bits - 1)

        def see(first: int, last: int) -> Tensor:
            samples = self._mapped(first, last).astype(np.float32)
            return torch.from_numpy(samples).permute(2, 0, 1)[None].div_(largest)

        rows = resampled_rows(see, self.store.size_hw, self.size_hw, top, bottom)
        levels = rows.mul_(largest).round_()[0].permute(1, 2, 0).numpy()
        return levels.astype(np.uint8 if self.bits == 8 else np.uint16)


def matching_tables(
    store: FileStore, colors: int, see: SeeRows, size_hw: tuple[int, int]
) -> tuple[Table, ...]:
    """For each colour in `store`, of 16 bits, the map that gives it the source's distribution.

    see: gives rows of the source, a picture of `size_hw`, (1, colors, h, w) in [0, 1].
    """
    wanted: list[Counts] = [np.zeros(LEVELS, np.int64) for _ in range(colors)]
    for top, bottom in bands(size_hw):
        for counts, plane in zip(wanted, see(top, bottom)[0], strict=True):
            counts += count_levels(to_16_bits(plane))
    given: list[Counts] = [np.zeros(LEVELS, np.int64) for _ in range(colors)]
    for top, bottom in bands(store.size_hw):
        samples = stored_rows(store, top, bottom)
        for channel, counts in enumerate(given):
            counts += count_levels(samples[..., channel])
    return tuple(matching_table(*pair) for pair in zip(given, wanted, strict=True))


def stored_rows(store: FileStore, top: int, bottom: int) -> Integers:
    """Rows of the samples as (h, W, C)."""
    box = Box(top=top, bottom=bottom, left=0, right=store.size_hw[1])
    samples: Integers = store.read(box)[0].permute(1, 2, 0).numpy()
    return samples


def _pixels(store: FileStore) -> int:
    return store.size_hw[0] * store.size_hw[1]
