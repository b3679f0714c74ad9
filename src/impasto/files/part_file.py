"""A download on its way: the bytes so far, and which version of the file they belong to."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto.errors import WeightsError
from impasto.files.atomic import write_text


class DownloadError(WeightsError):
    """A file could not be downloaded, or is not the file that was wanted."""


class PartFile:
    """The bytes that came so far, beside `target`, with a note about which version they are of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> dict[str, object]:
        """What :meth:`begin` was told, or {} if there is nothing to go on from."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def begin(self, version: dict[str, object]) -> None:
        """Start from zero, for this version of the file."""
        self.clear()
        write_text(self.note, json.dumps(version))

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def sha256(self) -> str:
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def finish(self) -> None:
        """Put the bytes in place, on the disk and not only on their way to it."""
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.path.replace(self.target)
        self.clear()


@contextmanager
def storage_errors(target: Path) -> Iterator[None]:
    """Turn an OSError of the disk (full, read-only) into a DownloadError that names the folder."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"cannot write into {target.parent}: {error.strerror or error}; free some space, or "
            "set IMPASTO_CACHE to a folder that can be written"
        ) from error
