"""Sets of test images: a known one by name, or any folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from impasto.errors import ImageError, OptionError
from impasto.evaluation.known_sets import (
    KNOWN_SETS,
    KnownSet,
    OnImage,
    download_set,
    pixels_sha256,
)
from impasto.files.cache import cache_folder
from impasto.files.user_files import user_path
from impasto.media import find_images, read_picture
from impasto.networks.loss.load import DATA_VARIABLE

SETS_FOLDER = "superres"  # below $IMPASTO_DATA and the cache folder


@dataclass(frozen=True, kw_only=True)
class LoadedImage:
    """`high_res`: (1, 3, H, W) float32 in [0, 1]; `gray`: to be judged as luma."""

    high_res: Tensor
    gray: bool
    pixels_sha256: str
    genuine: bool | None  # of a known set: is it that set's very image? None for other sets


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Test images by name, not read yet; `known` if it is one of the literature's sets."""

    name: str
    folder: Path
    images: Mapping[str, Path]
    known: KnownSet | None = None

    def read(self, image: str) -> LoadedImage:
        """Raises ImageError, which names the file, if it is no picture or not an opaque one."""
        path = self.images[image]
        picture = read_picture(path)
        if picture.alpha is not None and float(picture.alpha.min()) < 1:
            raise ImageError(f"{path}: has transparent parts; a test image must be opaque")
        digest = pixels_sha256(picture)
        number = self.known.number_of(digest) if self.known else None
        gray = picture.gray or (self.known is not None and number in self.known.gray)
        return LoadedImage(
            high_res=picture.pixels,
            gray=gray,
            pixels_sha256=digest,
            genuine=None if self.known is None else number is not None,
        )

    def doubt(self, genuine: list[bool]) -> str | None:
        """What to say of a known set of which not all, or not only, the genuine images are there.

        `genuine`: for each of its images whether it is one of the set's own.
        """
        if self.known is None or genuine == [True] * len(self.known.hashes):
            return None
        return (
            f"{self.folder} is not the genuine {self.name}: {sum(genuine)} of its "
            f"{len(self.known.hashes)} images, and {genuine.count(False)} others; its figures "
            "cannot be compared with published ones"
        )


def find_image_sets(
    names: list[str], *, data: Path | None = None, on_image: OnImage | None = None
) -> list[ImageSet]:
    """Several of :func:`find_image_set`. Raises OptionError if two would have one name."""
    if not names:
        raise OptionError(f"no sets; name some of {list(KNOWN_SETS)}, or folders of images")
    sets: dict[str, ImageSet] = {}
    for name in names:
        found = find_image_set(name, data=data, on_image=on_image)
        if found.name in sets:
            raise OptionError(
                f"two sets called {found.name!r}: {sets[found.name].folder} and {found.folder}; "
                "rename one of the folders"
            )
        sets[found.name] = found
    return list(sets.values())


def find_image_set(
    name: str,
    *,
    data: Path | None = None,
    on_image: OnImage | None = None,
    download: bool = True,
) -> ImageSet:
    """set5, set14 or bsd100; or a folder of images, with its subfolders, whose name the set takes.

    A known set is looked for in `data` (as a folder set5 or superres/set5 there, capitals do not
    matter), else in $IMPASTO_DATA/superres, else in the cache folder, into which what is missing is
    downloaded unless `download` is False. Raises OptionError for an unknown name, a missing folder
    or one without images; DownloadError.
    """
    key = name.casefold()
    if key in KNOWN_SETS:
        known = KNOWN_SETS[key]
        folder = _at_hand(key, data)
        cached = cache_folder() / SETS_FOLDER / key
        if folder is None and not download and not cached.is_dir():
            raise OptionError(f"the test set {key} is not at hand; give the folder that holds it")
        if folder is None:
            folder = download_set(known, cached, on_image) if download else cached
        return ImageSet(name=key, folder=folder, images=_images(folder), known=known)
    folder = user_path(name)
    if not folder.is_dir():
        raise OptionError(
            f"no set {name!r} and no such folder; choose from {list(KNOWN_SETS)}, or give a folder"
        )
    return ImageSet(name=folder.resolve().name, folder=folder, images=_images(folder))


def _at_hand(key: str, data: Path | None) -> Path | None:
    """Where the known set lies; OptionError if `data` was given and has it not."""
    if data is not None:
        if not data.is_dir():
            raise OptionError(f"`data` {data}: no such folder")
        found = _subfolder(data, key) or _subfolder(data / SETS_FOLDER, key)
        if found is None:
            raise OptionError(
                f"`data` {data}: holds no folder {key} or {SETS_FOLDER}/{key}; leave `data` out "
                "to have it downloaded"
            )
        return found
    environment = os.environ.get(DATA_VARIABLE)
    return _subfolder(Path(environment) / SETS_FOLDER, key) if environment else None


def _subfolder(folder: Path, key: str) -> Path | None:
    if not folder.is_dir():
        return None
    return next(
        (p for p in sorted(folder.iterdir()) if p.name.casefold() == key and p.is_dir()), None
    )


def _images(folder: Path) -> dict[str, Path]:
    """By relative name without suffix; with it where two files would share one."""
    paths = find_images(folder)
    if not paths:
        raise OptionError(f"{folder}: no images in this folder")
    short = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    return {
        name if short.count(name) == 1 else path.relative_to(folder).as_posix(): path
        for name, path in zip(short, paths, strict=True)
    }
