"""Where downloaded files are kept, and a lock so that two processes do not fetch one file twice."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

CACHE_VARIABLE = "IMPASTO_CACHE"
OFFLINE_VARIABLE = "IMPASTO_OFFLINE"


def cache_folder() -> Path:
    """The cache folder: $IMPASTO_CACHE, else $XDG_CACHE_HOME/impasto, else the platform's own.

    That is ~/Library/Caches/impasto on macOS, %LOCALAPPDATA%\\impasto on Windows and
    ~/.cache/impasto elsewhere. The folder is not created here.
    """
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared) / "impasto"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "impasto"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "impasto"
    return Path.home() / ".cache" / "impasto"


def is_offline() -> bool:
    """True if $IMPASTO_OFFLINE is 1, true, yes or on: then nothing is downloaded."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


@contextmanager
def locked(
    target: Path,
    on_wait: Callable[[], object] = lambda: None,
) -> Iterator[bool]:
    """Hold a lock that belongs to `target`, waiting for another process that holds it.

    on_wait: called once, should there be one. Gives False if that one has removed the lock: then
    another may be held by now.

    The lock is a hidden file beside `target`; it goes away with the process, whatever ends it.
    Where the file system knows no locks (some network drives) this goes on without one: files are
    put in place by a rename, so the worst is a download made twice.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    place = target.with_name(f".{target.name}.lock")
    with place.open("a+b") as stream:
        with suppress(OSError):
            if not _lock(stream, wait=False):
                on_wait()
                _lock(stream, wait=True)
        yield _is_at(place, stream)


def _is_at(place: Path, stream: IO[bytes]) -> bool:
    if sys.platform == "win32":  # what is open cannot be removed there
        return True
    try:
        return os.path.samestat(place.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[bytes], *, wait: bool) -> bool:
        while True:
            try:
                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                return True
            except OSError as error:
                if not wait and isinstance(error, PermissionError):  # somebody else has it
                    return False
                if error.errno != 36:  # EDEADLOCK: it gives up after ten seconds; ask again
                    raise

else:
    import fcntl

    def _lock(stream: IO[bytes], *, wait: bool) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody else has it
            return False
        return True
