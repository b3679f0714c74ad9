"""The format of model files: one safetensors file, config and card in its metadata.

Nothing in a file is executed, and a file from a stranger is checked before it is believed: its
size, its header, the architecture, every tensor's name, shape and type, and that it is finite.
Never imports torch; `impasto.models.trained_model` makes networks of what is read here.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from impasto.errors import ModelError, OptionError
from impasto.files.user_files import open_to_read
from impasto.networks.architectures import tensor_shapes

ConfigT = TypeVar("ConfigT")

_MAX_HEADER_BYTES = 2**20  # ours take some 10 KB: a card and 50 tensors
_LENGTH_BYTES = 8  # the header's length, little endian; then the header, a JSON object
# Read as a length, the first bytes of a zip file or of a pickle are far too large.
_PICKLED = (b"PK\x03\x04", b"\x80")


@dataclass(frozen=True, kw_only=True)
class ModelKind(Generic[ConfigT]):
    """What tells one kind of model file from another, and what its errors say.

    `config_type` is a dataclass of numbers and texts that all have defaults. `train_command` writes
    such files, `list_command` lists the bundled ones. `max_bytes`: no file of this kind is larger.
    `task` is what the card says by default. `added_options` of the config are missing in files of
    earlier versions, which mean their defaults.
    """

    format: str
    noun: str
    train_command: str
    list_command: str
    config_type: type[ConfigT]
    max_bytes: int
    task: Callable[[ConfigT], str] | None = None
    added_options: frozenset[str] = frozenset()

    @property
    def remedy(self) -> str:
        """What to do about a file that is not as it should be."""
        return f"download it again, or train the {self.noun} anew with `{self.train_command}`"


@dataclass(frozen=True, kw_only=True)
class ModelFile(Generic[ConfigT]):
    """A model file that was read as a whole; `data` are its bytes, the tensors not yet checked."""

    name: str
    config: ConfigT
    card: dict[str, Any]
    data: bytes


@dataclass(frozen=True, kw_only=True)
class ModelTensors(Generic[ConfigT]):
    """A model without its network: floats are float32, counters as they are."""

    name: str
    config: ConfigT
    card: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def read_model_file(path: Path, kind: ModelKind[ConfigT]) -> ModelFile[ConfigT]:
    """Read a file and check all but its tensors.

    Raises ModelError, which names the file and says what to do, for files that are missing,
    damaged, or not of this kind.
    """
    data = _read_bytes(path, kind)
    metadata = _read_metadata(path, data, kind.remedy)
    config = _config_of(path, metadata, kind)
    card = _json_object(path, metadata, "card", kind.remedy)
    name = card.get("name")
    return ModelFile(
        name=name if isinstance(name, str) and name else path.stem,
        config=config,
        card=card,
        data=data,
    )


def read_tensors(path: Path, kind: ModelKind[ConfigT]) -> ModelTensors[ConfigT] | None:
    """A model file's tensors as NumPy arrays, finite, and of the shapes that the config means.

    None for what is not sound or needs torch (bfloat16, architectures whose record has no shapes to
    check against): `load_model` reads it, or says what is wrong.
    """
    try:
        file = read_model_file(path, kind)
        shapes = tensor_shapes(cast(Any, file.config))
        if shapes is None:
            return None
        tensors = load(file.data)
        check_tensors(path, tensors, shapes, file.config, "")
    except (ModelError, SafetensorError, ValueError, KeyError):
        return None
    in_float32 = {n: t.astype(np.float32) if t.shape else t for n, t in tensors.items()}
    return ModelTensors(name=file.name, config=file.config, card=file.card, tensors=in_float32)


def check_tensors(
    path: Path,
    tensors: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]] | None,
    config: object,
    remedy: str,
) -> None:
    """Raise ModelError unless NumPy's or torch's tensors have these shapes, and are finite floats.

    Those of no dimension are counters, which are integers.
    """
    missing, surplus = set(shapes or tensors) - set(tensors), set(tensors) - set(shapes or tensors)
    if missing or surplus:
        fault = "is missing" if missing else "is not one of its tensors"
        raise ModelError(f"{path}: not {config}, {min(missing or surplus)!r} {fault}; {remedy}")
    for name, tensor in tensors.items():
        found = tuple(tensor.shape)
        wanted = found if shapes is None else shapes[name]
        kind = "float" if wanted else "int"
        if found != wanted or kind not in str(tensor.dtype):
            raise ModelError(
                f"{path}: {name} is {found} {tensor.dtype}, wanted {wanted} {kind}s; {remedy}"
            )
        # float32, because not every float type knows isfinite
        values = tensor.float().numpy() if hasattr(tensor, "float") else tensor
        if not np.isfinite(values).all():
            raise ModelError(f"{path}: {name} holds NaN or infinity as {tensor.dtype}; {remedy}")


def file_format(path: Path) -> str | None:
    """What kind of model file it says it is; None where it is none, or cannot be read."""
    try:
        with open_to_read(path) as stream:
            start = stream.read(_MAX_HEADER_BYTES + _LENGTH_BYTES)
        return _read_metadata(path, start, "").get("format")
    except (OSError, ModelError):
        return None


def with_sorted_header(data: bytes) -> bytes:
    """The same safetensors file with its header's keys in order.

    The library writes metadata in random order; so the same model is the same bytes, always.
    """
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES:end])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors stay aligned
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + data[end:]


def _read_bytes(path: Path, kind: ModelKind[ConfigT]) -> bytes:
    try:
        # One read: what is checked and what is loaded cannot differ.
        with open_to_read(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            data = b"" if size > kind.max_bytes else stream.read(kind.max_bytes + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; `{kind.list_command}` lists the bundled {kind.noun}s"
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(f"{path}: cannot be read ({reason}); give a .safetensors file") from error
    if max(size, len(data)) > kind.max_bytes:
        raise ModelError(
            f"{path}: larger than any {kind.noun} of Impasto ({kind.max_bytes // 2**20} MiB); "
            "it is another kind of file"
        )
    return data


def _read_metadata(path: Path, data: bytes, remedy: str) -> dict[str, str]:
    """The texts of "__metadata__". Raises ModelError, which names the file and ends in `remedy`."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or not 2 <= length <= _MAX_HEADER_BYTES:
        if data.startswith(_PICKLED):
            raise ModelError(
                f"{path}: a pickled PyTorch file, which may run any program when it is opened; "
                "Impasto reads only safetensors files, as `impasto train` writes them"
            )
        raise ModelError(f"{path}: not a safetensors file; {remedy}")
    if len(data) < _LENGTH_BYTES + length:
        raise ModelError(f"{path}: truncated; {remedy}")
    try:
        header: Any = json.loads(
            data[_LENGTH_BYTES : _LENGTH_BYTES + length], object_pairs_hook=_without_doubles
        )
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: not a safetensors file, its header is not JSON ({error}); {remedy}"
        ) from error
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ModelError(f"{path}: not a safetensors file, its header is no object; {remedy}")
    return metadata


def _config_of(path: Path, metadata: dict[str, str], kind: ModelKind[ConfigT]) -> ConfigT:
    if metadata.get("format") != kind.format:
        raise ModelError(
            f"{path}: a safetensors file, but not a {kind.noun} of this Impasto (its format is "
            f"{metadata.get('format')!r}, wanted {kind.format!r}); give the model.safetensors "
            f"that `{kind.train_command}` writes, or update impasto"
        )
    values = _json_object(path, metadata, "config", kind.remedy)
    defaults = dataclasses.asdict(cast(Any, kind.config_type()))
    earlier = {key: defaults[key] for key in kind.added_options}
    completed = earlier | values
    good = completed.keys() == defaults.keys() and all(
        _same_type(completed[key], default) for key, default in defaults.items()
    )
    if not good:
        raise ModelError(
            f"{path}: its config {values} is not a {kind.noun} network's; {kind.remedy}"
        )
    try:
        return kind.config_type(**completed)
    except OptionError as error:
        raise ModelError(f"{path}: {error}; update impasto, or {kind.remedy}") from error


def _same_type(value: object, default: object) -> bool:
    wanted = int | float if isinstance(default, float) else type(default)
    return isinstance(value, wanted) and isinstance(value, bool) == isinstance(default, bool)


def _json_object(path: Path, metadata: dict[str, str], key: str, remedy: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata.get(key, ""), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its {key} is not JSON; {remedy}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: its {key} is not a JSON object; {remedy}")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`. Raises ValueError for a key that is there twice.

    Readers differ in which of the two they take: what is checked might not be what is loaded.
    """
    known = dict(pairs)
    if len(known) != len(pairs):
        raise ValueError("a key is there twice")
    return known
