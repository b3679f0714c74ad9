"""The kinds of model files, and the tensors of bundled ones. Never imports torch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from impasto.models.gallery import style_path
from impasto.models.model_file import ModelKind, ModelTensors, read_tensors
from impasto.models.upscalers import TASKS, task_of_factor, upscaler_paths
from impasto.networks.inversion_config import InversionConfig
from impasto.networks.style_config import StyleNetworkConfig
from impasto.networks.superres_config import SuperResConfig

STYLE = ModelKind(
    format="impasto-style-1",
    noun="style",
    train_command="impasto train style",
    list_command="impasto styles",
    config_type=StyleNetworkConfig,
    # The widest and deepest network that a config allows holds 80 M values: 318 MB in float32.
    max_bytes=320 * 2**20,
    added_options=frozenset({"blocks"}),
)

SUPERRES = ModelKind(
    format="impasto-superres-1",
    noun="super-resolution model",
    train_command="impasto train superres",
    list_command="impasto upscalers",
    config_type=SuperResConfig,
    # The largest network that a config allows holds 78 M values: 312 MB in float32.
    max_bytes=320 * 2**20,
    task=lambda config: task_of_factor(config.factor),
)

INVERSION = ModelKind(
    format="impasto-inversion-1",
    noun="inversion model",
    train_command="impasto train inversion",
    list_command="impasto train inversion --help",
    config_type=InversionConfig,
    # The largest decoder that a config allows holds 340 M values.
    max_bytes=1400 * 2**20,
    task=lambda config: "inversion",  # noqa: ARG005
)

Config = StyleNetworkConfig | SuperResConfig | InversionConfig
KINDS: Mapping[str, ModelKind[Any]] = {
    each.config_type.kind: each for each in (STYLE, SUPERRES, INVERSION)
}


def read_style_tensors(
    name_or_path: str | Path, network: str = "full"
) -> ModelTensors[StyleNetworkConfig] | None:
    """A bundled style by name, "full" or "fast", or a style file by path.

    None for what `load_style_model` has to read, or say what is wrong with it (see `read_tensors`).
    Raises ModelError for unknown names, and OptionError for other networks, as it does.
    """
    return read_tensors(style_path(name_or_path, network), STYLE)


def read_superres_tensors(
    name_or_path: str | Path | None = None, *, factor: int | None = None
) -> tuple[ModelTensors[SuperResConfig], ...] | None:
    """The models that enlarge by `factor` when they are used one after another, mostly one.

    Names and files as for `load_upscalers`. None for what that has to read, or say what is wrong
    with it. Raises ModelError for unknown names as it does.
    """
    models = [read_tensors(each, SUPERRES) for each in upscaler_paths(name_or_path, factor)]
    sound = [model for model in models if model and model.card.get("task") in (None, *TASKS)]
    factors = math.prod(model.config.factor for model in sound)
    return tuple(sound) if len(sound) == len(models) and factor in (None, factors) else None
