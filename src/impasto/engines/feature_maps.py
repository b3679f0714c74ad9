"""Feature maps that are made part by part, when somebody asks for a part.

Each step of a plan that needs only the neighbourhood of a pixel is a map over another one; what it
costs, and how much memory its parts take on the way, can be told without computing any.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from impasto.engines.stores import Store
from impasto.engines.tiles import Box
from impasto.plans.plan_network import to_levels


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
