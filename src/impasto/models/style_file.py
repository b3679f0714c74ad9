"""Style models to files and back: one safetensors file, with config and card in its metadata.

Nothing in a file is executed, and a file from a stranger is checked before it is believed: its
size, its header, the architecture, every tensor's name, shape and type, and that it is finite.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from impasto.errors import ModelError, OptionError
from impasto.files.atomic import write_with
from impasto.models.gallery import find_style
from impasto.models.style_header import read_metadata, with_sorted_header
from impasto.models.style_model import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network

FORMAT = "impasto-style-1"
# The widest network that a config allows holds 27 M values: 108 MB in float32.
MAX_FILE_BYTES = 128 * 2**20
_REMEDY = "download it again, or train the style anew with `impasto train style`"


def save_style_model(
    path: Path | str,
    network: nn.Module,
    config: StyleNetworkConfig,
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
    _check_tensors(path, tensors, config, "save the network that the config describes")
    card = {"name": path.stem, **card, "network": _config_to_json(config)}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(_config_to_json(config)),
        "card": json.dumps(card, ensure_ascii=False),
    }
    # Not save_file, whose files nobody but their owner may read.
    data = with_sorted_header(save(tensors, metadata))
    write_with(path, lambda temporary: temporary.write_bytes(data))


def load_style_model(name_or_path: str | Path) -> StyleModel:
    """A bundled style by name, or a style file by path, on the CPU.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. Raises
    ModelError, which names the style or file and says what to do, for unknown names (with the
    nearest ones) and for files that are missing, damaged, or not Impasto's.
    """
    path = _as_path(name_or_path)
    if path is None:
        path = find_style(str(name_or_path)).path
    data = _read_bytes(path)
    metadata = read_metadata(path, data, _REMEDY)
    config, card = _config_of(path, metadata), _json_object(path, metadata, "card")
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged ({error}); {_REMEDY}") from error
    _check_tensors(path, tensors, config, _REMEDY)
    network = build_style_network(config)
    network.load_state_dict(tensors)  # copies into float32
    network.eval().requires_grad_(False)
    name = card.get("name")
    return StyleModel(
        name=name if isinstance(name, str) and name else path.stem,
        network=network,
        config=config,
        card=card,
    )


def _as_path(name_or_path: str | Path) -> Path | None:
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or path.suffix.lower() == ".safetensors":
        return path
    return path if len(path.parts) > 1 or "\\" in name_or_path or path.is_file() else None


def _read_bytes(path: Path) -> bytes:
    try:
        # One read: what is checked and what is loaded cannot differ.
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; `impasto styles` lists the bundled styles"
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(f"{path}: cannot be read ({reason}); give a .safetensors file") from error
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(
            f"{path}: larger than any style of Impasto ({MAX_FILE_BYTES // 2**20} MiB); "
            "it is another kind of file"
        )
    return data


def _config_to_json(config: StyleNetworkConfig) -> dict[str, Any]:
    return {"architecture": config.architecture, "width": config.width, "norm": config.norm}


def _config_of(path: Path, metadata: dict[str, str]) -> StyleNetworkConfig:
    if metadata.get("format") != FORMAT:
        raise ModelError(
            f"{path}: a safetensors file, but not a style of this Impasto (its format is "
            f"{metadata.get('format')!r}, wanted {FORMAT!r}); give the model.safetensors "
            "that `impasto train style` writes, or update impasto"
        )
    values = _json_object(path, metadata, "config")
    types = {"architecture": str, "width": int | float, "norm": str}
    good = values.keys() == types.keys() and all(isinstance(values[k], t) for k, t in types.items())
    if not good or isinstance(values["width"], bool):
        raise ModelError(f"{path}: its config {values} is not a style network's; {_REMEDY}")
    try:
        return StyleNetworkConfig(**values)
    except OptionError as error:
        raise ModelError(f"{path}: {error}; update impasto, or {_REMEDY}") from error


def _json_object(path: Path, metadata: dict[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata.get(key, ""))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its {key} is not JSON; {_REMEDY}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: its {key} is not a JSON object; {_REMEDY}")
    return value


def _check_tensors(
    path: Path, tensors: dict[str, Tensor], config: StyleNetworkConfig, remedy: str
) -> None:
    with torch.device("meta"):  # shapes only
        expected = build_style_network(config).state_dict()
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
