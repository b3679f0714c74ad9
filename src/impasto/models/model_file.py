"""Models to files and back: one safetensors file, with config and card in its metadata.

Nothing in a file is executed, and a file from a stranger is checked before it is believed: its
size, its header, the architecture, every tensor's name, shape and type, and that it is finite.
"""

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from impasto.errors import ModelError, OptionError
from impasto.files.atomic import write_with
from impasto.files.user_files import open_to_read
from impasto.models.safetensors_header import (
    MAX_HEADER_BYTES,
    read_metadata,
    with_sorted_header,
    without_doubles,
)

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True, kw_only=True)
class ModelKind(Generic[ConfigT]):
    """What tells one kind of model file from another, and what its errors say.

    `config_type` is a dataclass of numbers and texts that all have defaults; `build` makes the
    network that it describes. `train_command` writes such files, `list_command` lists the bundled
    ones. `max_bytes`: no file of this kind is larger. `added_options` of the config are missing in
    files of earlier versions, which mean their defaults.
    """

    format: str
    noun: str
    train_command: str
    list_command: str
    config_type: type[ConfigT]
    build: Callable[[ConfigT], nn.Module]
    max_bytes: int
    added_options: frozenset[str] = frozenset()

    @property
    def remedy(self) -> str:
        """What to do about a file that is not as it should be."""
        return f"download it again, or train the {self.noun} anew with `{self.train_command}`"


@dataclass(frozen=True, kw_only=True)
class LoadedFile(Generic[ConfigT]):
    """A model file's content: the network is on the CPU, in eval mode, float32 and frozen."""

    name: str
    network: nn.Module
    config: ConfigT
    card: dict[str, Any]


def save_model(
    path: Path | str,
    kind: ModelKind[ConfigT],
    network: nn.Module,
    config: ConfigT,
    card: dict[str, Any],
    *,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write the network (on any device, compiled or not) atomically, its floats as `dtype`.

    `card` must be JSON; "name" defaults to the file's stem and "network" is filled in. Raises
    ModelError if the network is not the one that `config` describes, or holds values that are not
    finite in `dtype`; OSError if the file cannot be written.
    """
    path = Path(path)
    network = getattr(network, "_orig_mod", network)  # torch.compile wraps what it compiles
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in network.state_dict().items()
    }
    _check_tensors(path, tensors, kind, config, "save the network that the config describes")
    values = _config_to_json(config)
    card = {"name": path.stem, **card, "network": values}
    metadata = {
        "format": kind.format,
        "config": json.dumps(values),
        "card": json.dumps(card, ensure_ascii=False),
    }
    # Not save_file, whose files nobody but their owner may read.
    data = with_sorted_header(save(tensors, metadata))
    write_with(path, lambda temporary: temporary.write_bytes(data))


def load_model(path: Path, kind: ModelKind[ConfigT]) -> LoadedFile[ConfigT]:
    """Read and check a model file.

    Raises ModelError, which names the file and says what to do, for files that are missing,
    damaged, or not of this kind.
    """
    data = _read_bytes(path, kind)
    metadata = read_metadata(path, data, kind.remedy)
    config = _config_of(path, metadata, kind)
    card = _json_object(path, metadata, "card", kind.remedy)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged ({error}); {kind.remedy}") from error
    _check_tensors(path, tensors, kind, config, kind.remedy)
    with torch.device("cpu"):  # whatever the process's default is
        network = kind.build(config).float()
    network.load_state_dict(tensors)  # copies into float32
    network.eval().requires_grad_(False)
    name = card.get("name")
    return LoadedFile(
        name=name if isinstance(name, str) and name else path.stem,
        network=network,
        config=config,
        card=card,
    )


def file_format(path: Path) -> str | None:
    """What kind of model file it says it is; None where it is none, or cannot be read."""
    try:
        with open_to_read(path) as stream:
            return read_metadata(path, stream.read(MAX_HEADER_BYTES + 8), "").get("format")
    except (OSError, ModelError):
        return None


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


def _config_to_json(config: Any) -> dict[str, Any]:
    return dataclasses.asdict(config)


def _config_of(path: Path, metadata: dict[str, str], kind: ModelKind[ConfigT]) -> ConfigT:
    if metadata.get("format") != kind.format:
        raise ModelError(
            f"{path}: a safetensors file, but not a {kind.noun} of this Impasto (its format is "
            f"{metadata.get('format')!r}, wanted {kind.format!r}); give the model.safetensors "
            f"that `{kind.train_command}` writes, or update impasto"
        )
    values = _json_object(path, metadata, "config", kind.remedy)
    defaults = _config_to_json(kind.config_type())
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
        value = json.loads(metadata.get(key, ""), object_pairs_hook=without_doubles)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its {key} is not JSON; {remedy}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: its {key} is not a JSON object; {remedy}")
    return value


def _check_tensors(
    path: Path,
    tensors: dict[str, Tensor],
    kind: ModelKind[ConfigT],
    config: ConfigT,
    remedy: str,
) -> None:
    with torch.device("meta"):  # shapes only
        expected = kind.build(config).state_dict()
    missing, surplus = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing or surplus:
        fault = "is missing" if missing else "is not one of its tensors"
        raise ModelError(f"{path}: not {config}, {min(missing or surplus)!r} {fault}; {remedy}")
    for name, tensor in tensors.items():
        wanted = expected[name]
        if tensor.shape != wanted.shape or (
            tensor.is_floating_point() != wanted.is_floating_point()
        ):
            raise ModelError(
                f"{path}: {name} is {tuple(tensor.shape)} {tensor.dtype}, wanted "
                f"{tuple(wanted.shape)} {wanted.dtype}; {remedy}"
            )
        # float32, because not every float type knows isfinite
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise ModelError(f"{path}: {name} holds NaN or infinity as {tensor.dtype}; {remedy}")
