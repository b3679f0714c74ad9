"""Which photos teach and which ones test."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from impasto.data.photos import find_photos
from impasto.errors import ImageError
from impasto.media import read_picture
from impasto.training.run_config import RunConfig

HELD_OUT_FROM = 10  # photos are held out of a folder only if it has this many times as many


def split_photos(config: RunConfig, paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Photos to train on, and photos held out of it.

    The latter are those of `validation_photos`, or else some of a large enough folder, evenly
    spaced, so that the same are held out when a run goes on.
    """
    if config.validation_photos is not None:
        return paths, find_photos(config.validation_photos)
    count = config.validation_count
    if not count or len(paths) < HELD_OUT_FROM * count:
        return paths, []
    held_out = [paths[place * len(paths) // count] for place in range(count)]
    chosen = set(held_out)
    return [path for path in paths if path not in chosen], held_out


def readable(paths: Sequence[Path], count: int) -> Iterator[Tensor]:
    """Pixels, (1, 3, H, W) in [0, 1], of the first `count` of them that can be read."""
    for path in paths:
        if count == 0:
            return
        try:
            pixels = read_picture(path).pixels
        except ImageError:
            continue  # whoever trains on it reports it
        count -= 1
        yield pixels
