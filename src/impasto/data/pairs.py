"""Photos -> pairs of patches, low and high resolution, any of which can be asked for by its number.

As in impasto.data.photos, sample k depends on the seed and k alone.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from impasto.data.degradations import Degradation
from impasto.data.photo_store import PhotoStore, open_derived_store
from impasto.data.photos import batches_in_order
from impasto.errors import TrainingError

# A patch that is degraded by itself is cut larger by this many low-resolution pixels a side, so
# that the filters' view beyond its border is the photo's and not a mirror image.
MARGIN_PX = 8


@dataclass(frozen=True)
class Pair:
    """`low_res` (C, S / factor, S / factor) and `high_res` (3, S, S), both in [0, 1]."""

    low_res: Tensor
    high_res: Tensor


@dataclass(frozen=True)
class PairBatch:
    """`low_res` (N, C, S / factor, S / factor), `high_res` (N, 3, S, S), both in [0, 1]."""

    low_res: Tensor
    high_res: Tensor
    skipped: dict[Path, str] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.low_res, self.high_res)

    @property
    def count(self) -> int:
        return self.high_res.shape[0]

    @property
    def crop_px(self) -> int:
        return self.high_res.shape[-1]

    def to(self, device: torch.device) -> Self:
        """On `device`, channels last."""
        layout = torch.channels_last
        return type(self)(
            self.low_res.to(device, memory_format=layout),
            self.high_res.to(device, memory_format=layout),
            self.skipped,
        )


class PairPatches(Dataset[Pair]):
    """Endless: sample k is a random patch of a random picture, one of its eight orientations.

    `patch_px` is the side of the high-resolution patch, a multiple of `factor`. What a degradation
    makes of a whole photo is kept in a second store, unless it is a random one: then each patch is
    degraded anew. Pictures smaller than the patch are not drawn; raises TrainingError if none is
    left.
    """

    def __init__(
        self,
        store: PhotoStore,
        degradation: Degradation,
        *,
        factor: int,
        patch_px: int,
        seed: int,
        folder: Path | None = None,
    ) -> None:
        self.store = store
        self.degradation = degradation
        self.factor = factor
        self.patch_px = patch_px
        self.seed = seed
        self.margin_px = MARGIN_PX * factor if degradation.random else 0
        side = patch_px + 2 * self.margin_px
        self.usable = [
            number
            for number, place in enumerate(store.pictures)
            if min(place.height, place.width) >= side
        ]
        if not self.usable:
            raise TrainingError(
                f"no photo has {side} px on its short side; choose a smaller `patch_px`, or "
                "other photos"
            )
        self.low_res = (
            None
            if degradation.random
            else open_derived_store(
                store, f"{degradation!r} x{factor}", self._degrade_whole, folder
            )
        )

    def _degrade_whole(self, picture: Tensor) -> Tensor:
        height, width = (side // self.factor * self.factor for side in picture.shape[-2:])
        return self.degradation(picture[..., :height, :width], self.factor)

    def __getitem__(self, index: int) -> Pair:
        chance = random.Random(f"{self.seed}:{index}")
        number = self.usable[chance.randrange(len(self.usable))]
        low_res, high_res = (
            self._cached(number, chance) if self.low_res else self._fresh(number, chance)
        )
        turn, mirror = chance.randrange(4), chance.random() < 0.5
        return Pair(_oriented(low_res, turn, mirror), _oriented(high_res, turn, mirror))

    def _cached(self, number: int, chance: random.Random) -> tuple[Tensor, Tensor]:
        assert self.low_res is not None
        place, side = self.low_res.pictures[number], self.patch_px // self.factor
        top, left = chance.randint(0, place.height - side), chance.randint(0, place.width - side)
        low_res = self.low_res.crop(number, top, left, side, side)
        at = (top * self.factor, left * self.factor)
        high_res = self.store.crop(number, *at, self.patch_px, self.patch_px)
        return low_res / 255, high_res / 255

    def _fresh(self, number: int, chance: random.Random) -> tuple[Tensor, Tensor]:
        place, side = self.store.pictures[number], self.patch_px + 2 * self.margin_px
        top, left = chance.randint(0, place.height - side), chance.randint(0, place.width - side)
        picture = self.store.crop(number, top, left, side, side) / 255
        low_res = self.degradation(picture.unsqueeze(0), self.factor, chance)[0]
        edge = MARGIN_PX
        low_res = low_res[:, edge:-edge, edge:-edge]
        edge = self.margin_px
        return low_res, picture[:, edge:-edge, edge:-edge]


def _oriented(patch: Tensor, turn: int, mirror: bool) -> Tensor:
    turned = torch.rot90(patch, turn, (-2, -1))
    return turned.flip(-1) if mirror else turned


def pair_batches(
    patches: PairPatches, *, batch_size: int, start: int, stop: int, workers: int
) -> Iterator[PairBatch]:
    """Batches `start` ... `stop` - 1, made ahead by `workers` processes, always in order.

    The first one says which photos could not be read.
    """
    batches = batches_in_order(
        patches, _collate, batch_size=batch_size, start=start, stop=stop, workers=workers
    )
    for number, batch in enumerate(batches):
        skipped = patches.store.skipped if number == 0 else {}
        yield PairBatch(batch.low_res, batch.high_res, skipped)


def _collate(samples: list[Pair]) -> PairBatch:
    return PairBatch(
        torch.stack([sample.low_res for sample in samples]),
        torch.stack([sample.high_res for sample in samples]),
    )
