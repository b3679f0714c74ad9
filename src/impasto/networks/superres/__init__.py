"""Super-resolution networks: (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor).

Lazy (PEP 562), so that `config` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.networks.superres.config import (
        SUPERRES_ARCHITECTURES,
        SuperResConfig,
        SuperResNetwork,
        build_superres_network,
    )
    from impasto.networks.superres.modern import ModernSuperResNetwork
    from impasto.networks.superres.paper import PaperSuperResNetwork
    from impasto.networks.superres.srcnn import SRCNN

__all__ = [
    "SRCNN",
    "SUPERRES_ARCHITECTURES",
    "ModernSuperResNetwork",
    "PaperSuperResNetwork",
    "SuperResConfig",
    "SuperResNetwork",
    "build_superres_network",
]

_HOMES = {"SRCNN": "srcnn", "ModernSuperResNetwork": "modern", "PaperSuperResNetwork": "paper"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(
            f"module 'impasto.networks.superres' has no attribute {name!r}; it has {__all__}"
        )
    home = _HOMES.get(name, "config")
    return getattr(import_module(f"impasto.networks.superres.{home}"), name)
