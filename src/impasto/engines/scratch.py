"""A folder for what does not fit into memory, which outlives an interruption.

What finished passes found out is noted in it, so that the same work goes on from there. Anything
else that lies in it, of another photo or other options, is removed.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.engines.feature_maps import FeatureMap
from impasto.engines.passes import Journal, NewStore
from impasto.engines.stores import Store, StoreFolder, storage_error
from impasto.errors import OptionError
from impasto.files.atomic import write_text
from impasto.files.byte_sizes import in_words
from impasto.files.cache import locked
from impasto.files.user_files import nearest_folder, user_path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OWN_FILES = ("state.json", "picture-*.json", "map-*", "level-*", "filled-*", "result-*")
_FORMAT = 2  # of what is kept; folders of another one are not gone on from


class Scratch(Journal):
    """The folder, while it is in use. `resumed`: how many passes were finished before."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.files = StoreFolder(folder)
        self._state = folder / "state.json"
        self._key = {"format": _FORMAT, "key": key, "boot": boot_id()}
        self._passes = self._noted()
        if not self._passes:
            self.clear()
        self.resumed = len(self._passes)

    @property
    def token(self) -> str:
        """Names what is written beside the result: the same whenever this work is gone on with."""
        return self.folder.name.removeprefix("impasto-")

    def path(self, name: str) -> Path:
        """Where a file of that name is, or is to be."""
        return self.folder / name

    def clear(self) -> None:
        """Forget all that was kept."""
        self._passes = []
        for pattern in _OWN_FILES:
            for path in self.folder.glob(pattern):
                path.unlink()

    def find(self, index: int) -> tuple[Tensor, Tensor] | None:
        if index >= len(self._passes):
            # what an interruption left half done
            self.path(f"map-{index}").unlink(missing_ok=True)
            return None
        mean, variance = (
            torch.tensor(values, dtype=torch.float64) for values in self._passes[index]
        )
        return mean, variance

    def note(self, index: int, mean: Tensor, variance: Tensor) -> None:
        assert index == len(self._passes)
        self._passes.append([mean.cpu().tolist(), variance.cpu().tolist()])
        write_text(self._state, json.dumps({**self._key, "passes": self._passes}))

    def _noted(self) -> list[list[list[float]]]:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            passes = state.pop("passes")
        except (OSError, ValueError, KeyError, AttributeError):
            return []
        return passes if state == self._key and _are_statistics(passes) else []


def checked_scratch(folder: str | Path) -> Path:
    """The path that is meant. Raises OptionError if there can be no folder to write to."""
    if not isinstance(folder, str | Path):
        raise OptionError(f"scratch folder {folder!r}: wanted the path of a folder")
    path = user_path(folder)
    there = nearest_folder(path)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        wrong = "may not be written to" if there.is_dir() else "is not a folder"
        raise OptionError(f"scratch folder {path}: {there} {wrong}; give another one (`scratch`)")
    return path


@contextmanager
def scratch_for(
    target: Path,
    key: dict[str, Any],
    needed: int,
    folder: Path | None,
    on_notice: Callable[[str], object] = lambda notice: None,  # noqa: ARG005
) -> Iterator[Scratch]:
    """The scratch folder of `target`, below `folder` or the system's folder for temporary files.

    It is removed at the end, and when an error ends the work; not when a person or the system does,
    so that the same call (the same `key`) goes on; KeyboardInterrupt then says where. needed: bytes
    that there must be room for. on_notice: told should another process be at work for the same
    target, which is waited for. Raises OptionError if there is no room, or the folder cannot be
    used.
    """

    def on_wait() -> None:
        on_notice(f"another process is making {target}; waiting until it is done")

    base = Path(tempfile.gettempdir()) if folder is None else folder
    name = hashlib.sha256(str(target.absolute()).encode()).hexdigest()[:16]
    own = base / f"impasto-{name}"
    try:
        with _held(own, on_wait):
            digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
            scratch = Scratch(own, digest)
            try:
                _check_room(own, needed)
                yield scratch
            except KeyboardInterrupt as stop:
                kept = in_words(sum(path.stat().st_size for path in own.iterdir()))
                raise type(stop)(
                    f"{kept} are kept in {own}: the same command goes on from there"
                ) from stop
            except BaseException:
                scratch.files.close()
                _remove(own)
                raise
            finally:
                scratch.files.close()
            _remove(own)  # while it is held: nobody else has begun to work there
        if sys.platform == "win32":  # where the lock, open until now, kept it from being removed
            _remove(own)
    except OSError as error:
        raise storage_error(base, error) from error


@contextmanager
def _held(own: Path, on_wait: Callable[[], object]) -> Iterator[None]:
    """Make the folder and hold it; waits for another process that works there for this target.

    That one removes it at its end: then it is made anew.
    """
    while True:
        _make_own(own)
        with locked(own / "state", on_wait) as in_place:
            if in_place:
                yield
                return


@contextmanager
def temporary_stores(folder: Path | None, needed: int, device: torch.device) -> Iterator[NewStore]:
    """Room for the maps of one image in a folder that is removed at the end.

    needed: bytes that there must be room for. Raises OptionError if there is not.
    """
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="impasto-", dir=folder) as own:
            _check_room(Path(own), needed)
            files = StoreFolder(Path(own))
            try:
                yield map_stores(files, device)
            finally:
                files.close()
    except OSError as error:
        raise storage_error(folder or Path(tempfile.gettempdir()), error) from error


def map_stores(files: StoreFolder, device: torch.device) -> NewStore:
    """Makes stores for the maps of passes, by number."""

    def new_store(index: int, source: FeatureMap) -> Store:
        name = f"map-{index}"
        return files.store(name, source.channels, source.size_hw, source.dtype, device)

    return new_store


def _are_statistics(passes: object) -> bool:
    """Whether they are two lists of numbers for each pass: means and variances, or its notes."""
    if not isinstance(passes, list):
        return False
    pairs = [each for each in passes if isinstance(each, list) and len(each) == 2]
    lists = [each for pair in pairs for each in pair]
    return (
        len(pairs) == len(passes)
        and all(isinstance(each, list) for each in lists)
        and all(isinstance(value, int | float) for each in lists for value in each)
    )


def _make_own(folder: Path) -> None:
    """Make the folder, or see that it is ours: its name can be told in advance."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat().st_uid
    if folder.is_symlink() or (hasattr(os, "getuid") and owner != os.getuid()):
        raise OptionError(
            f"scratch folder {folder}: is a link, or belongs to somebody else; remove it, or give "
            "another place (`scratch`)"
        )


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _check_room(own: Path, needed: int) -> None:
    there = sum(path.stat().st_size for path in own.iterdir())
    free = shutil.disk_usage(own).free + there
    if free < needed:
        raise OptionError(
            f"scratch folder {own.parent}: {in_words(needed)} are needed for a while, and "
            f"{in_words(free)} are free; give a folder on another disk (`scratch`), or allow more "
            "memory"
        )


def boot_id() -> str:
    """Names this run of the system: what was written before a crash of it may not be on the disk.

    Empty where systems do not tell.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def file_hash(path: Path) -> str:
    """sha256 of its bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def network_hash(network: nn.Module) -> str:
    """sha256 over names and values of its weights, in hexadecimal."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode())
        digest.update(
            values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()
