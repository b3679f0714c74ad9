"""Style models to files and back; see `impasto.models.model_file` for what is checked."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from impasto.errors import OptionError
from impasto.models.gallery import style_path
from impasto.models.model_file import ModelKind, load_model, save_model
from impasto.models.style_model import StyleModel
from impasto.models.style_tensors import STYLE_FORMAT
from impasto.networks import StyleNetworkConfig, build_style_network

STYLE = ModelKind(
    format=STYLE_FORMAT,
    noun="style",
    train_command="impasto train style",
    list_command="impasto styles",
    config_type=StyleNetworkConfig,
    build=build_style_network,
    # The widest and deepest network that a config allows holds 80 M values: 318 MB in float32.
    max_bytes=320 * 2**20,
    added_options=frozenset({"blocks"}),
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


def as_style_model(style: str | Path | StyleModel, quality: str = "full") -> StyleModel:
    """A loaded model as it is, else `load_style_model`; with its errors.

    Raises OptionError for a loaded model in another quality than "full", which is its own.
    """
    if not isinstance(style, StyleModel):
        return load_style_model(style, quality)
    if quality != "full":
        raise OptionError(
            f"quality {quality!r} is for bundled styles by name; got the loaded model "
            f"{style.name!r}: leave quality out, or load it with that quality"
        )
    return style


def load_style_model(name_or_path: str | Path, quality: str = "full") -> StyleModel:
    """A bundled style by name, "full" or "fast", or a style file by path, on the CPU.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. Raises
    ModelError, which names the style or file and says what to do, for unknown names (with the
    nearest ones), for files that are missing, damaged, or not Impasto's, and where there is no fast
    network; OptionError for another quality.
    """
    loaded = load_model(style_path(name_or_path, quality), STYLE)
    return StyleModel(
        name=loaded.name, network=loaded.network, config=loaded.config, card=loaded.card
    )
