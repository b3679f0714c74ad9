"""PyTorch's pickled files, opened without running anything out of them, in bounded memory."""

import io
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import ModelError
from impasto.files.pickle_check import DeclaresTooMuchError, check_pickled_file
from impasto.files.user_files import open_to_read

MAX_BYTES = 256 * 2**20
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The named tensors of a .pth, .pt or .model file, on the CPU, as they are.

    They may be views of a small storage that claim to be huge: look at their shapes before
    anything is done with them. Raises ModelError, which names the file, for what is no such file,
    would need code to be run, or declares more than it holds.
    """
    try:
        with open_to_read(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            data = b"" if size > MAX_BYTES else stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if max(size, len(data)) > MAX_BYTES:
        raise ModelError(
            f"{path}: larger than any style network ({MAX_BYTES // 2**20} MiB); it is another kind "
            "of file"
        )
    try:
        checked = _checked(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of old files is no matter here
            loaded: Any = torch.load(io.BytesIO(checked), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can make the reader stumble over anything
        raise ModelError(f"{path}: {_fault(error)}") from error
    for key in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise ModelError(
            f"{path}: holds a {type(loaded).__name__}, not named tensors; save the network's "
            "state_dict()"
        )
    named = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    return {name.removeprefix("module."): value for name, value in named.items()}


def _fault(error: Exception) -> str:
    if isinstance(error, DeclaresTooMuchError):
        return f"{error}; download it again from who made it"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return (
        f"cannot be read without running code from it, or is damaged ({lines[0][:120]}); where you "
        "trust it, save its network's state_dict() alone, and import that"
    )


def _checked(data: bytes) -> bytes:
    """What PyTorch may read: of an archive one made anew, in which there is nothing else."""
    stream = io.BytesIO(data)
    check_pickled_file(stream)
    if data[:2] != b"PK":
        return data
    renewed = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(renewed, "w") as new:
        for entry in old.infolist():
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
    return renewed.getvalue()
