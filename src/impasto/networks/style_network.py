"""Which style network, how wide: the one road from a config to a network."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import nn

from impasto.errors import OptionError
from impasto.networks.modern import ModernStyleNetwork
from impasto.networks.paper import PaperStyleNetwork

ARCHITECTURES = ("modern", "paper")
NORMS = ("instance", "batch")


@dataclass(frozen=True, kw_only=True)
class StyleNetworkConfig:
    """A style network by name. `width` multiplies every number of filters; 1 is the paper's.

    Raises OptionError for an unknown architecture or norm, a width outside [1/16, 4], and batch
    norm in the `modern` network (it has instance norm only).
    """

    architecture: Literal["modern", "paper"] = "modern"
    width: float = 0.5
    norm: Literal["instance", "batch"] = "instance"

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise OptionError(
                f"no architecture {self.architecture!r}; choose from {list(ARCHITECTURES)}"
            )
        if self.norm not in NORMS:
            raise OptionError(f"no norm {self.norm!r}; choose from {list(NORMS)}")
        if not (math.isfinite(self.width) and 1 / 16 <= self.width <= 4):
            raise OptionError(f"network width must lie between 1/16 and 4, got {self.width}")
        if self.architecture == "modern" and self.norm == "batch":
            raise OptionError("the modern network has instance norm only; use architecture 'paper'")


def build_style_network(config: StyleNetworkConfig) -> nn.Module:
    """A new network with random weights: (N, 3, H, W) in [0, 1] -> the same shape."""
    if config.architecture == "paper":
        return PaperStyleNetwork(config.width, config.norm)
    return ModernStyleNetwork(config.width)
