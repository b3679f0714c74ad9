"""The header of a safetensors file: read with limits before anything is loaded, and tidied.

Eight bytes give the header's length (little endian); the header is a JSON object with one entry
per tensor and "__metadata__", an object of strings.
"""

import json
from pathlib import Path
from typing import Any

from impasto.errors import ModelError

MAX_HEADER_BYTES = 2**20  # ours take some 10 KB: a card and 50 tensors
_LENGTH_BYTES = 8


def read_metadata(path: Path, data: bytes, remedy: str) -> dict[str, str]:
    """The texts of "__metadata__" of the safetensors file `path` with the content `data`.

    Raises ModelError, which names the file and ends in `remedy`.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or not 2 <= length <= MAX_HEADER_BYTES:
        # Read as a length, the first bytes of a zip file or of a pickle are far too large.
        if data[:4] == b"PK\x03\x04" or data[:1] == b"\x80":
            raise ModelError(
                f"{path}: a pickled PyTorch file, which may run any program when it is opened; "
                "Impasto reads only safetensors files, as `impasto train` writes them"
            )
        raise ModelError(f"{path}: not a safetensors file; {remedy}")
    if len(data) < _LENGTH_BYTES + length:
        raise ModelError(f"{path}: truncated; {remedy}")
    try:
        header: Any = json.loads(
            data[_LENGTH_BYTES : _LENGTH_BYTES + length], object_pairs_hook=without_doubles
        )
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: not a safetensors file, its header is not JSON ({error}); {remedy}"
        ) from error
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ModelError(f"{path}: not a safetensors file, its header is no object; {remedy}")
    return metadata


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`. Raises ValueError for a key that is there twice.

    Readers differ in which of the two they take: what is checked might not be what is loaded.
    """
    known = dict(pairs)
    if len(known) != len(pairs):
        raise ValueError("a key is there twice")
    return known


def with_sorted_header(data: bytes) -> bytes:
    """The same safetensors file with its header's keys in order.

    The library writes metadata in random order; so the same model is the same bytes, always.
    """
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES:end])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors stay aligned
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + data[end:]
