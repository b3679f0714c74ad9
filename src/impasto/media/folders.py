"""Finding picture files in folders."""

import os
from pathlib import Path

from impasto.errors import ImageError
from impasto.media.formats import IMAGE_SUFFIXES


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
