"""Which picture formats are read and written, by suffix; such files found in folders."""

import os
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import ImageError


@dataclass(frozen=True, kw_only=True)
class WritableFormat:
    """What a file format can hold; `pillow_name` is Pillow's name for it."""

    pillow_name: str
    alpha: bool
    deep: bool  # 16 bits per sample
    max_side: int  # px


_JPEG = WritableFormat(pillow_name="JPEG", alpha=False, deep=False, max_side=65_500)
_TIFF = WritableFormat(pillow_name="TIFF", alpha=True, deep=True, max_side=2**31 - 1)

WRITABLE_FORMATS: dict[str, WritableFormat] = {
    ".avif": WritableFormat(pillow_name="AVIF", alpha=True, deep=False, max_side=65_536),
    ".bmp": WritableFormat(pillow_name="BMP", alpha=False, deep=False, max_side=2**31 - 1),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".png": WritableFormat(pillow_name="PNG", alpha=True, deep=True, max_side=2**31 - 1),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": WritableFormat(pillow_name="WEBP", alpha=True, deep=False, max_side=16_383),
}

# Lower-case, with the dot. `find_images` goes by these; `read_picture` goes by the content.
WRITABLE_SUFFIXES: frozenset[str] = frozenset(WRITABLE_FORMATS)
IMAGE_SUFFIXES: frozenset[str] = WRITABLE_SUFFIXES | {
    ".apng",
    ".gif",
    ".heic",
    ".heif",
    ".hif",
    ".jfif",
    ".jpe",
    ".mpo",
}


def find_images(folder: Path) -> list[Path]:
    """All files below `folder` with a suffix from IMAGE_SUFFIXES (any case), sorted by path.

    Hidden files and folders are skipped; with them go macOS's "._" files and our own temporary
    ones. Links to files are followed, links to folders are not, so that a loop cannot catch us.
    Raises ImageError if `folder` is missing or not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        wrong = "is a file" if folder.exists() else "no such folder"
        raise ImageError(f"{folder}: {wrong}; a folder with pictures is wanted")
    found: list[Path] = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths = (Path(parent, name) for name in names if not name.startswith("."))
        found.extend(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(found)
