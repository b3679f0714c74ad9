"""Networks that lengstrom/fast-style-transfer trained, out of TensorFlow's checkpoints."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from impasto.errors import ModelError
from impasto.models.importing.tensorflow_checkpoint import Shape, read_variables
from impasto.networks import StyleNetworkConfig, build_style_network

FORMAT: Final = "lengstrom"
# Variables have no names of their own: they are numbered as the network was built. Each layer made
# its kernel first, then its norm's shift and scale.
_PARTS = ("conv.weight", "norm.bias", "norm.weight")
_NAME = re.compile(r"(?:[^/]+/)?Variable(?:_(\d{1,3}))?")
_LAYERS = 16


def read_lengstrom(path: Path) -> tuple[nn.Module, StyleNetworkConfig]:
    """A checkpoint of theirs -> our network that paints the same pictures.

    `path`: as `checkpoint_path` found it. Raises ModelError, which names the file.
    """
    config = StyleNetworkConfig(architecture=FORMAT, width=1.0)
    with torch.device("meta"):
        expected = {
            name: tuple(tensor.shape)
            for name, tensor in build_style_network(config).state_dict().items()
        }
    names = _names(expected)

    def wanted(name: str, shape: Shape) -> bool:
        number = _number(name)
        return number in names and shape == _theirs(expected[names[number]])

    found: dict[int, NDArray[np.float32]] = {}
    for name, values in read_variables(path, wanted).items():
        found[_number(name)] = values
    missing = names.keys() - found.keys()
    if missing:
        number = min(missing)
        raise ModelError(
            f"{path}: not a network of lengstrom/fast-style-transfer: it has no variable number "
            f"{number} of the shape {_theirs(expected[names[number]])}; give a checkpoint of its "
            "style.py"
        )
    return _network(path, config, {names[number]: values for number, values in found.items()})


def _network(
    path: Path, config: StyleNetworkConfig, tensors: Mapping[str, NDArray[np.float32]]
) -> tuple[nn.Module, StyleNetworkConfig]:
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ModelError(f"{path}: {name} holds NaN or infinity; download it again")
    network = build_style_network(config)
    # theirs are (height, width, in, out), or (height, width, out, in) where it is transposed
    network.load_state_dict(
        {
            name: torch.tensor(values.transpose(3, 2, 0, 1) if values.ndim == 4 else values)
            for name, values in tensors.items()
        }
    )
    return network.eval().requires_grad_(False), config


def _names(expected: Mapping[str, Shape]) -> dict[int, str]:
    """Number of each variable -> our name of it."""
    prefixes = [name.removesuffix(_PARTS[0]) for name in expected if name.endswith(_PARTS[0])]
    assert len(prefixes) == _LAYERS
    names = [f"{prefix}{part}" for prefix in prefixes for part in _PARTS]
    return dict(enumerate(names))


def _theirs(shape: Shape) -> Shape:
    return (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape


def _number(name: str) -> int:
    """Of a variable that has no other name; the optimiser's are called Variable_3/Adam."""
    match = _NAME.fullmatch(name)
    return -1 if match is None else int(match[1] or 0)
