"""Feature maps that are made part by part, when somebody asks for a part.

Each step of a plan that needs only the neighbourhood of a pixel is a map over another one
(`map_steps`); what it costs, and how much memory its parts take on the way, can be told without
computing any. Mean and variance of a map that is seen tile by tile are the same to the bit whatever
the tiles.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from impasto.engines.stores import Store
from impasto.engines.tiles import Box, grid_cells
from impasto.networks.normalization import merged_moments, moments
from impasto.plans.plan_network import to_levels

# Statistics are found in these cells of the map's own grid, and then merged. Cells that tiles do
# not cut give the same numbers, so maps in half precision, where any difference grows to that of
# the last bit, are the same. Small enough for a tile, and large enough to cost little.
CELL_HW = (32, 128)


class FeatureMap(ABC):
    """A (1, C, h, w) map. `source` is the map it is made from, if it is made from one."""

    source: "FeatureMap | None" = None

    def __init__(self, channels: int, size_hw: tuple[int, int], dtype: torch.dtype) -> None:
        self.channels = channels
        self.size_hw = size_hw
        self.dtype = dtype

    @abstractmethod
    def part(self, box: Box) -> Tensor:
        """That part, (1, C, box.height, box.width); to be written into only if `fresh`."""

    @property
    def fresh(self) -> bool:
        """Whether parts are in memory that nobody else looks at."""
        return True

    def reach(self, box: Box) -> Box:
        """Which part of `source` this part is made of."""
        return box

    @property
    def operations(self) -> int:
        """Multiplications to make the whole map once, from what is stored."""
        return 0 if self.source is None else self.source.operations

    def stores(self) -> frozenset[Store]:
        """What is read to make it."""
        return frozenset() if self.source is None else self.source.stores()

    @property
    def pixel_bytes(self) -> int:
        return self.channels * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.pixel_bytes * self.size_hw[0] * self.size_hw[1]

    def working_bytes(self, box: Box) -> int:
        """Roughly the memory in use while a part is made: of it and of all it is made of."""
        own = box.height * box.width * self.pixel_bytes
        return own if self.source is None else own + self.source.working_bytes(self.reach(box))


class Stored(FeatureMap):
    """A map that is there already."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.channels, store.size_hw, store.dtype)
        self.store = store

    def part(self, box: Box) -> Tensor:
        return self.store.read(box)

    @property
    def fresh(self) -> bool:
        return not self.store.shared

    def stores(self) -> frozenset[Store]:
        return frozenset({self.store})


class ImageLevels(FeatureMap):
    """An image as a plan takes it, see `to_levels`.

    see: gives a part of it, (1, 3, h, w) float32 in [0, 1].
    """

    def __init__(
        self,
        see: Callable[[Box], Tensor],
        size_hw: tuple[int, int],
        dtype: torch.dtype,
        *,
        split: bool,
    ) -> None:
        super().__init__(6 if split else 3, size_hw, dtype)
        self.see = see
        self.split = split

    def part(self, box: Box) -> Tensor:
        levels = to_levels(self.see(box), split=self.split)
        return levels.to(self.dtype).contiguous(memory_format=torch.channels_last)

    def working_bytes(self, box: Box) -> int:
        return box.height * box.width * (self.pixel_bytes + 2 * 4 * self.channels)


class Moments:
    """Mean and variance per channel over tiles, merged exactly in float64.

    Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample
    variances, 1979.
    """

    def __init__(self, channels: int, device: torch.device) -> None:
        # MPS has no float64; there the merge is in float32, its error still only ~1e-7 a tile.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.count = 0
        self.mean = torch.zeros(channels, dtype=dtype, device=device)
        self.deviations = torch.zeros(channels, dtype=dtype, device=device)  # sum of squares

    def update(self, tile: Tensor, box: Box) -> None:
        """Add a (1, C, h, w) tile, which lies there in the map."""
        cells = grid_cells(box, CELL_HW)
        parts = [cell.within(box).of(tile) for cell in cells]
        found = [moments(part.contiguous(memory_format=torch.channels_last)) for part in parts]
        counts = self.mean.new_tensor([cell.height * cell.width for cell in cells])
        count = box.height * box.width
        mean, deviations = merged_moments(found, counts)
        total = self.count + count
        delta = mean - self.mean
        self.mean += delta * (count / total)
        self.deviations += deviations + delta.square() * (self.count * count / total)
        self.count = total

    def variance(self) -> Tensor:
        """Biased variance per channel, (C,), as instance norm takes it."""
        return self.deviations / self.count
