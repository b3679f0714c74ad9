"""Style models to files and back; see `impasto.models.model_file` for what is checked."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from impasto.models.gallery import find_style
from impasto.models.model_file import ModelKind, load_model, path_of, save_model
from impasto.models.style_model import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network

STYLE = ModelKind(
    format="impasto-style-1",
    noun="style",
    train_command="impasto train style",
    list_command="impasto styles",
    config_type=StyleNetworkConfig,
    build=build_style_network,
    # The widest network that a config allows holds 27 M values: 108 MB in float32.
    max_bytes=128 * 2**20,
)


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
    save_model(path, STYLE, network, config, card, dtype=dtype)


def load_style_model(name_or_path: str | Path) -> StyleModel:
    """A bundled style by name, or a style file by path, on the CPU.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. Raises
    ModelError, which names the style or file and says what to do, for unknown names (with the
    nearest ones) and for files that are missing, damaged, or not Impasto's.
    """
    path = path_of(name_or_path) or find_style(str(name_or_path)).path
    loaded = load_model(path, STYLE)
    return StyleModel(
        name=loaded.name, network=loaded.network, config=loaded.config, card=loaded.card
    )
