"""PyTorch's pickled files (.pth, .pt, .model), opened without running anything out of them.

`torch.load(weights_only=True)` runs no code out of a file, but it unpacks what is packed, and makes
room for what is declared. So a file is looked through first; and PyTorch gets an archive made anew,
because its reader of archives and ours might differ in what they find. Torch is imported when a
file is read.
"""

import io
import os
import pickletools
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from impasto.files.user_files import open_to_read

if TYPE_CHECKING:
    from torch import Tensor

_MAX_ENTRIES = 16384
_MAX_PICKLE_BYTES = 16 * 2**20
_IN_MEMORY_BYTES = 256 * 2**20  # of a copy; what is larger is copied on the disk
_SMALL = 4096
_OLD_PICKLES = 4  # before the values: a magic number, the version, the machine, the object
# Training scripts put the weights into one of these.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")


class PickledFileError(ValueError):
    """A file that is no sound one of PyTorch's; says why, and what to do, without its name."""


class _DeclaresTooMuchError(PickledFileError):
    """A file that would become larger than it is."""


def read_pickled_tensors(path: Path, *, max_bytes: int, noun: str) -> "dict[str, Tensor]":
    """The named tensors of a file, on the CPU, as they are.

    They may be views of a small storage that claim to be huge: look at their shapes before
    anything is done with them. noun: what is read, of which none has more than `max_bytes`. Raises
    PickledFileError for what is no such file, would need code to be run, or declares more than it
    holds; OSError.
    """
    import torch

    with (
        open_to_read(path) as stream,
        tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as copy,
    ):
        size = os.fstat(stream.fileno()).st_size
        if size > max_bytes:
            raise PickledFileError(
                f"larger than any {noun} ({max_bytes // 2**20} MiB); it is another kind of file"
            )
        try:
            _copy_checked(stream, copy, size)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it says of old files is no matter here
                loaded: Any = torch.load(copy, map_location="cpu", weights_only=True)
        except _DeclaresTooMuchError as error:
            raise PickledFileError(f"{error}; download it again from who made it") from error
        except Exception as error:  # a damaged pickle can make the reader stumble over anything
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise PickledFileError(
                f"cannot be read without running code from it, or is damaged ({lines[0][:120]}); "
                "where you trust it, save its network's state_dict() alone, and use that"
            ) from error
    return _named_tensors(loaded)


def _named_tensors(loaded: object) -> "dict[str, Tensor]":
    from torch import Tensor

    for key in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise PickledFileError(
            f"holds a {type(loaded).__name__}, not named tensors; save the network's state_dict()"
        )
    named = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    return {name.removeprefix("module."): value for name, value in named.items()}


def _copy_checked(stream: IO[bytes], copy: IO[bytes], size: int) -> None:
    """Copy a file of either kind that declares no more than it holds; at its start afterwards."""
    archive = stream.read(2) == b"PK"
    stream.seek(0)
    if archive:
        _copy_archive(stream, copy, size)
    else:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        for _ in pickletools.genops(copy):
            pass  # the magic number is large, and no size
        for _ in range(_OLD_PICKLES - 1):
            _check_numbers(copy, size)
    copy.seek(0)


def _copy_archive(stream: IO[bytes], copy: IO[bytes], size: int) -> None:
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(copy, "w") as new:
        entries = old.infolist()
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if (
            packed
            or len({entry.filename for entry in entries}) != len(entries)
            or len(entries) > _MAX_ENTRIES
            or sum(entry.file_size for entry in entries) > size
        ):
            raise _DeclaresTooMuchError(
                "an archive that is packed, or declares more than it holds, as no file of PyTorch "
                "does"
            )
        for entry in entries:
            content = old.read(entry)
            if entry.filename.endswith("data.pkl"):
                if len(content) > _MAX_PICKLE_BYTES:
                    raise _DeclaresTooMuchError(f"a pickle of {len(content)} bytes")
                _check_numbers(io.BytesIO(content), size)
            new.writestr(zipfile.ZipInfo(entry.filename), content)


def _check_numbers(pickle: IO[bytes], size: int) -> None:
    """No shape, stride or length may be larger than the file."""
    most = max(size, _SMALL)  # the format's version is a number, too
    for _, argument, _ in pickletools.genops(pickle):
        if isinstance(argument, int) and not isinstance(argument, bool) and abs(argument) > most:
            raise _DeclaresTooMuchError(f"a pickle that declares {argument} of something")
