"""Write beside, then rename: a reader sees the old file or the new one, never half of one."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(target: Path, token: str = "") -> Iterator[Path]:
    """Yield a temporary path beside `target` (same suffix); rename it onto `target` on success.

    On an exception the temporary file is removed and `target` is left as it was. The data is
    flushed to the disk before the rename, so that a power cut cannot leave an empty file either.
    token: names the temporary file, for those who hold a lock for `target`: what was left of it by
    a killed process is then written over.
    Raises OSError, which names `target`, if the folder cannot be written.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Hidden and random: two processes writing the same target do not meet in one temporary file.
    token = token or secrets.token_hex(6)
    temporary = target.with_name(f".{target.stem[:80]}.{token}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(target)  # the name that is known outside
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_with(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary path, then rename it onto `target`."""
    with atomic_path(target) as temporary:
        write(temporary)
