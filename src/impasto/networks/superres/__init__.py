"""Super-resolution networks: (N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor)."""

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
