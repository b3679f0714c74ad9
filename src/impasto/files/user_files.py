"""Files that a person names. Never imports torch."""

import errno
import stat
from io import BufferedReader
from pathlib import Path


def user_path(path: str | Path) -> Path:
    """The path, with home folders for `~` and `~name`; a name that is nobody's stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def nearest_folder(path: Path) -> Path:
    """The first that is there of the path and the folders above it: what is missing is made later.

    It is a file where a folder was meant, if the path leads through one.
    """
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there


def is_special(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder: a pipe, socket or device."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def open_to_read(path: Path) -> BufferedReader:
    """Open a file. Raises OSError also for a pipe, which would be waited for without end."""
    if is_special(path):
        raise OSError(errno.EINVAL, "is a pipe, socket or device, not a file", str(path))
    return path.open("rb")
