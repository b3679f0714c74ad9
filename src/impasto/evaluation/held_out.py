"""Photos that no style was trained on: a folder, how many of them, each cut to a square."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.data.photos import FLAT_STD, center_crop
from impasto.errors import ImageError, OptionError
from impasto.evaluation.known_sets import pixels_sha256
from impasto.media import find_images, read_picture
from impasto.networks.loss.load import DATA_VARIABLE

HELD_OUT_FOLDER = Path("photos", "eval50")  # below $IMPASTO_DATA
SMALLEST_PX = 32


@dataclass(frozen=True, kw_only=True)
class HeldOutPhoto:
    """A photo that has been looked at, not kept in memory."""

    name: str
    path: Path
    pixels_sha256: str
    size_hw: tuple[int, int]

    def square(self, px: int) -> Tensor:
        """(1, 3, px, px): the short side resized, enlarged if need be, and the middle kept."""
        return center_crop(read_picture(self.path).pixels, px)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "pixels_sha256": self.pixels_sha256, "size_hw": self.size_hw}


def held_out_photos(folder: Path | None, count: int | None = None) -> list[HeldOutPhoto]:
    """`count` photos of a folder (None: all); without one those of $IMPASTO_DATA/photos/eval50.

    In the order of the sha256 of their names: as good as drawn by lot, and a larger count adds to
    a smaller one. Raises OptionError without a folder or photos, ImageError for a photo that is
    unreadable, blank or tiny.
    """
    folder = _default_folder() if folder is None else folder
    if not folder.is_dir():
        raise OptionError(f"`photos` {folder}: no such folder; name one of photos")
    paths = find_images(folder)
    if not paths:
        raise OptionError(f"`photos` {folder}: no pictures in this folder")
    names = {path: path.relative_to(folder).as_posix() for path in paths}
    chosen = sorted(paths, key=lambda path: hashlib.sha256(names[path].encode()).hexdigest())
    return [look_at(path, names[path]) for path in chosen[:count]]


def look_at(path: Path, name: str | None = None) -> HeldOutPhoto:
    """Raises ImageError if it cannot be read, is of one colour, or below SMALLEST_PX a side."""
    picture = read_picture(path)
    size_hw = (picture.pixels.shape[-2], picture.pixels.shape[-1])
    if min(size_hw) < SMALLEST_PX:
        raise ImageError(
            f"{path}: {size_hw[1]} x {size_hw[0]} px; wanted at least {SMALLEST_PX} a side"
        )
    if float(picture.pixels.std()) < FLAT_STD:
        raise ImageError(f"{path}: is blank (of one colour); take it out of the folder")
    return HeldOutPhoto(
        name=path.name if name is None else name,
        path=path,
        pixels_sha256=pixels_sha256(picture),
        size_hw=size_hw,
    )


def photos_or(content: Sequence[Path], folder: Path | None, count: int) -> list[HeldOutPhoto]:
    """The photos named by `content`, or `count` of the held-out ones if there is none."""
    return [look_at(path) for path in content] or held_out_photos(folder, count)


def _default_folder() -> Path:
    data = os.environ.get(DATA_VARIABLE)
    folder = Path(data) / HELD_OUT_FOLDER if data else None
    if folder is None or not folder.is_dir():
        raise OptionError(
            "no held-out photos; name a folder, `photos`, of photos that the styles were not "
            f"trained on (or have {HELD_OUT_FOLDER.as_posix()} in the folder that {DATA_VARIABLE} "
            "names)"
        )
    return folder
