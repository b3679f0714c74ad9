"""Photos that lie on the graphics card, and crops that are cut there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from impasto.data.photos import jitter_colors, random_crop
from impasto.errors import ImageError
from impasto.media import read_picture


def photos_on(device: torch.device, paths: Sequence[Path]) -> list[Tensor]:
    """All that can be read, (1, 3, H, W) in 8 bits."""

    def read(path: Path) -> Tensor | None:
        try:
            return read_picture(path).pixels.mul(255).round().to(torch.uint8)
        except ImageError as error:
            print(f"skipped: {error}")
            return None

    with ThreadPoolExecutor() as pool:
        return [pixels.to(device) for pixels in pool.map(read, paths) if pixels is not None]


class Crops:
    """The crops of `PhotoCrops`, cut on the device: sample k depends on the seed and k alone.

    Crops of one colour are not drawn again: a step whose gradient they spoil is left out.
    """

    def __init__(
        self, photos: Sequence[Tensor], seed: int, zoom: float, color_jitter: float = 0.0
    ) -> None:
        self.photos, self.seed, self.zoom = photos, seed, zoom
        self.color_jitter = color_jitter
        self._order: tuple[int, list[int]] = (-1, [])

    def batch(self, number: int, size: int, px: int, zoom: float | None = None) -> Tensor:
        """(size, 3, px, px); scaled up to `zoom`, if it is given, in place of the usual one."""
        scale = self.zoom if zoom is None else zoom
        return torch.cat([self._crop(number * size + index, px, scale) for index in range(size)])

    def _crop(self, sample: int, px: int, zoom: float) -> Tensor:
        epoch, place = divmod(sample, len(self.photos))
        if self._order[0] != epoch:
            order = list(range(len(self.photos)))
            Random(f"{self.seed}:epoch:{epoch}").shuffle(order)
            self._order = (epoch, order)
        chance = Random(f"{self.seed}:{sample}")
        photo = self.photos[self._order[1][place]].float() / 255
        crop = random_crop(photo, px, chance, zoom=zoom)
        return jitter_colors(crop, self.color_jitter, chance)
