"""A style's tensors as NumPy arrays. Never imports torch."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from impasto.errors import ModelError, OptionError
from impasto.files.user_files import open_to_read
from impasto.models.gallery import find_style
from impasto.models.model_path import path_of
from impasto.models.safetensors_header import read_metadata
from impasto.networks.layout import Layout, layout_of, tensor_shapes
from impasto.networks.style_config import StyleNetworkConfig

STYLE_FORMAT = "impasto-style-1"
# Larger ones are left to `load_style_model`: 16 times the size of a bundled style.
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class StyleTensors:
    """What the network is made of, and its tensors in float32 by their names."""

    name: str
    layout: Layout
    tensors: dict[str, NDArray[np.float32]]


def read_style_tensors(name_or_path: str | Path) -> StyleTensors | None:
    """A bundled style by name, or a style file by path.

    None for everything that is not a small, sound style file of a network that has a layout:
    `load_style_model`, which needs torch, reads it, or says what is wrong with it. Raises
    ModelError for unknown names, with the nearest ones.
    """
    path = path_of(name_or_path) or find_style(str(name_or_path)).path
    try:
        with open_to_read(path) as stream:
            data = stream.read(_MAX_BYTES + 1)
        metadata = read_metadata(path, data, "")
        config = StyleNetworkConfig(**json.loads(metadata["config"]))
        card = json.loads(metadata["card"])
        name = card.get("name")
        layout = layout_of(config)
        tensors = load(data)
    except (OSError, ModelError, OptionError, SafetensorError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if layout is None or metadata.get("format") != STYLE_FORMAT or len(data) > _MAX_BYTES:
        return None
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != tensor_shapes(layout) or not all(_is_sound(each) for each in tensors.values()):
        return None
    return StyleTensors(
        name=name if isinstance(name, str) and name else path.stem,
        layout=layout,
        tensors={name: tensor.astype(np.float32) for name, tensor in tensors.items()},
    )


def _is_sound(values: NDArray[np.generic]) -> bool:
    return np.issubdtype(values.dtype, np.floating) and bool(np.isfinite(values).all())
