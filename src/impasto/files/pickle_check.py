"""PyTorch's pickled files: whether they declare more than they hold, before they are opened.

`torch.load(weights_only=True)` runs no code out of a file, but it unpacks what is packed, and makes
room for what is declared.
"""

import pickletools
import zipfile
from typing import IO

_MAX_ENTRIES = 16384
_MAX_PICKLE_BYTES = 16 * 2**20
_SMALL = 4096
_OLD_PICKLES = 4  # before the values: a magic number, the version, the machine, the object


class DeclaresTooMuchError(ValueError):
    """A file that would become larger than it is."""


def check_pickled_file(stream: IO[bytes]) -> None:
    """Look through a .pth, .pt or .model file, of either kind, and put it back to its start.

    Raises DeclaresTooMuchError for a packed archive, and for a length, a shape or a stride that is
    larger than the file; ValueError and others for a file that is damaged.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(2) == b"PK":
        with zipfile.ZipFile(stream) as archive:
            check_archive(archive, size)
    else:
        stream.seek(0)
        for _ in pickletools.genops(stream):
            pass  # the magic number is large, and no size
        for _ in range(_OLD_PICKLES - 1):
            _check_numbers(stream, size)
    stream.seek(0)


def check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """The same of an opened archive, of that many bytes in all."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if (
        packed
        or len(names) != len(entries)
        or len(entries) > _MAX_ENTRIES
        or sum(entry.file_size for entry in entries) > size
    ):
        raise DeclaresTooMuchError(
            "an archive that is packed, or declares more than it holds, as no file of PyTorch does"
        )
    for entry in entries:
        if entry.filename.endswith("data.pkl"):
            if entry.file_size > _MAX_PICKLE_BYTES:
                raise DeclaresTooMuchError(f"a pickle of {entry.file_size} bytes")
            with archive.open(entry) as pickle:
                _check_numbers(pickle, size)


def _check_numbers(pickle: IO[bytes], size: int) -> None:
    """No shape, stride or length may be larger than the file."""
    most = max(size, _SMALL)  # the format's version is a number, too
    for _, argument, _ in pickletools.genops(pickle):
        if isinstance(argument, int) and not isinstance(argument, bool) and abs(argument) > most:
            raise DeclaresTooMuchError(f"a pickle that declares {argument} of something")
