"""Which super-resolution network, for which factor: the one road from a config to a network.

Torch is imported when a network is built, not before.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

from impasto.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor, nn

SuperResArchitecture = Literal["modern", "paper", "srcnn-9-1-5", "srcnn-9-5-5"]
SUPERRES_ARCHITECTURES: tuple[SuperResArchitecture, ...] = (
    "modern",
    "paper",
    "srcnn-9-1-5",
    "srcnn-9-5-5",
)
FACTORS = (1, 2, 3, 4, 8)


class SuperResNetwork(Protocol):
    """What every network of `build_superres_network` is, besides an nn.Module.

    `radius_px`: how many low-resolution samples on each side an output pixel depends on; tiles
    that overlap by it give the whole image's result.
    """

    factor: int
    radius_px: int

    def __call__(self, low_res: "Tensor") -> "Tensor":
        """(N, 3, h, w) in [0, 1] -> (N, 3, h * factor, w * factor); callers clamp."""
        ...


@dataclass(frozen=True, kw_only=True)
class SuperResConfig:
    """A super-resolution (factor 1: restoration) network by name.

    `width` multiplies the filters of `modern` and `paper`, 64 at 1; `blocks`, `shrink` and
    `in_channels` are those of ModernSuperResNetwork. Raises OptionError for unknown architectures
    and factors, numbers out of range, and options that the architecture does not have.
    """

    architecture: SuperResArchitecture = "modern"
    factor: int = 4
    width: float = 1.0
    blocks: int = 6
    shrink: int = 1
    in_channels: int = 3

    def __post_init__(self) -> None:
        if self.architecture not in SUPERRES_ARCHITECTURES:
            raise OptionError(
                f"no super-resolution architecture {self.architecture!r}; choose from "
                f"{list(SUPERRES_ARCHITECTURES)}"
            )
        if self.factor not in FACTORS:
            raise OptionError(f"no factor {self.factor!r}; choose from {list(FACTORS)}")
        if not (math.isfinite(self.width) and 1 / 16 <= self.width <= 4):
            raise OptionError(f"network width must lie between 1/16 and 4, got {self.width}")
        if not 1 <= self.blocks <= 64:
            raise OptionError(f"residual blocks must lie between 1 and 64, got {self.blocks}")
        if self.shrink not in (1, 2, 4) or self.in_channels not in (3, 4):
            raise OptionError(
                f"shrink must be 1, 2 or 4 and in_channels 3 or 4, got {self.shrink} and "
                f"{self.in_channels}"
            )
        if self.architecture != "modern" and (self.shrink, self.in_channels) != (1, 3):
            raise OptionError("only the modern network has shrink and in_channels")
        if self.architecture == "paper" and self.factor not in (2, 4, 8):
            raise OptionError(
                f"the paper's network doubles each side log2(factor) times: factor 2, 4 or 8, "
                f"not {self.factor}; use architecture 'modern'"
            )


def build_superres_network(config: SuperResConfig) -> "nn.Module":
    """A new network with random weights, a SuperResNetwork.

    `modern` and `srcnn` begin as the bicubic enlargement.
    """
    from impasto.networks.superres.modern import ModernSuperResNetwork
    from impasto.networks.superres.paper import PaperSuperResNetwork
    from impasto.networks.superres.srcnn import SRCNN

    if config.architecture == "paper":
        return PaperSuperResNetwork(config.factor, width=config.width)
    if config.architecture == "modern":
        return ModernSuperResNetwork(
            config.factor,
            width=config.width,
            blocks=config.blocks,
            in_channels=config.in_channels,
            shrink=config.shrink,
        )
    return SRCNN(config.factor, middle=int(config.architecture.split("-")[2]))


def as_superres(network: "nn.Module") -> SuperResNetwork:
    """The same network, typed."""
    return cast(SuperResNetwork, network)
