"""Decoded photos in one memory-mapped file: decoded once, shared by all workers and later runs.

Decoding a JPEG for every patch takes longer than a small network's training step. The file holds
plain uint8 samples, 3 x H x W for each picture, and lies in the cache folder under a name that
depends on everything it was made from.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.errors import ImageError, TrainingError
from impasto.files.atomic import atomic_path, write_text
from impasto.files.cache import cache_folder, locked
from impasto.media import imresize, read_picture

FOLDER_NAME = "photos"
VERSION = 1  # of the layout and of how pictures are made; another one is another file


@dataclass(frozen=True)
class StoredPicture:
    """Where a picture lies in the file, and its size; `photo` is the number of its path."""

    offset: int
    height: int
    width: int
    photo: int


class PhotoStore:
    """A sequence of (3, H, W) uint8 pictures; may be sent to other processes."""

    def __init__(
        self, path: Path, pictures: Sequence[StoredPicture], skipped: dict[Path, str]
    ) -> None:
        self.path = path
        self.pictures = list(pictures)
        self.skipped = dict(skipped)
        self._samples: np.memmap[Any, np.dtype[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def crop(self, number: int, top: int, left: int, height: int, width: int) -> Tensor:
        """(3, height, width) uint8, copied; only these samples are read from the disk."""
        place = self.pictures[number]
        if self._samples is None:
            self._samples = np.memmap(self.path, np.uint8, "r")
        count = 3 * place.height * place.width
        flat = self._samples[place.offset : place.offset + count]
        picture = flat.reshape(3, place.height, place.width)
        return torch.from_numpy(picture[:, top : top + height, left : left + width].copy())

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < len(self):
            raise IndexError(number)
        place = self.pictures[number]
        return self.crop(number, 0, 0, place.height, place.width)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": None}  # else NumPy would send the whole file


def open_photo_store(
    paths: Sequence[Path],
    *,
    scales: Sequence[float] = (1.0,),
    least_px: int = 1,
    folder: Path | None = None,
) -> PhotoStore:
    """Every photo at every scale whose sides are `least_px` or more, decoded at the first call.

    Scales below 1 reduce the photo (MATLAB's bicubic): sharper pixels, further objects. Unreadable
    files are left out and listed in `skipped`. Raises TrainingError if nothing is left.
    """
    key = {
        "version": VERSION,
        "files": [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths],
        "scales": list(scales),
        "least_px": least_px,
    }

    def pictures(skipped: dict[Path, str]) -> Iterable[tuple[int, Tensor]]:
        for number, path in enumerate(paths):
            try:
                pixels = read_picture(path).pixels
            except ImageError as error:
                skipped[path] = str(error)
                continue
            for scale in scales:
                size_hw = tuple(round(side * scale) for side in pixels.shape[-2:])
                if min(size_hw) >= least_px:
                    yield number, to_bytes(imresize(pixels, (size_hw[0], size_hw[1])))

    store = _open(key, paths, pictures, folder)
    if not len(store):
        reason = next(iter(store.skipped.values()), f"no photo has {least_px} px on its short side")
        raise TrainingError(f"none of the {len(paths)} photos can be used: {reason}")
    return store


def open_derived_store(
    store: PhotoStore,
    name: str,
    derive: Callable[[Tensor], Tensor],
    folder: Path | None = None,
) -> PhotoStore:
    """`derive`((1, 3, H, W) in [0, 1]) of each picture of `store`; `name` says what it does."""

    def pictures(_: dict[Path, str]) -> Iterable[tuple[int, Tensor]]:
        for number, place in enumerate(store.pictures):
            yield place.photo, to_bytes(derive(store[number].unsqueeze(0) / 255))

    key = {"version": VERSION, "of": store.path.stem, "name": name}
    return _open(key, [], pictures, folder)


def to_bytes(pixels: Tensor) -> Tensor:
    """(1, 3, H, W) in [0, 1] -> (3, H, W) uint8, rounded."""
    return (pixels[0].clamp(0, 1) * 255).round().to(torch.uint8)


def _open(
    key: dict[str, Any],
    paths: Sequence[Path],
    pictures: Callable[[dict[Path, str]], Iterable[tuple[int, Tensor]]],
    folder: Path | None,
) -> PhotoStore:
    folder = cache_folder() / FOLDER_NAME if folder is None else folder
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    path = folder / f"{name}.u8"
    with locked(path):  # a second run on the same photos waits, then reads
        index = path.with_suffix(".json")
        if not index.exists():
            _write(path, index, pictures)
        about = json.loads(index.read_text(encoding="utf-8"))
    places = [StoredPicture(*place) for place in about["pictures"]]
    by_name = {str(path): path for path in paths}
    skipped = {by_name.get(name, Path(name)): why for name, why in about["skipped"].items()}
    return PhotoStore(path, places, skipped)


def _write(
    path: Path,
    index: Path,
    pictures: Callable[[dict[Path, str]], Iterable[tuple[int, Tensor]]],
) -> None:
    """Samples first, index last: the index is the sign that the file is whole."""
    skipped: dict[Path, str] = {}
    places: list[list[int]] = []
    offset = 0
    with atomic_path(path) as beside, beside.open("wb") as stream:
        for photo, picture in pictures(skipped):
            _, height, width = picture.shape
            places.append([offset, height, width, photo])
            offset += stream.write(picture.contiguous().numpy().tobytes())
    about = {"pictures": places, "skipped": {str(key): why for key, why in skipped.items()}}
    write_text(index, json.dumps(about))
