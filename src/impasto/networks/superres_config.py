"""Which super-resolution network, for which factor, how wide and deep. Never imports torch."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from impasto.errors import OptionError

SuperResArchitecture = Literal["modern", "paper", "srcnn-9-1-5", "srcnn-9-5-5"]
SUPERRES_ARCHITECTURES: tuple[SuperResArchitecture, ...] = get_args(SuperResArchitecture)
FACTORS = (1, 2, 3, 4, 8)
SUPERRES_FILTERS = 64  # of `modern` and `paper` at width 1
PAPER_BLOCKS = 4
SRCNN_FILTERS = (64, 32)


@dataclass(frozen=True, kw_only=True)
class SuperResConfig:
    """A super-resolution (factor 1: restoration) network by name.

    `width` multiplies the filters of `modern` and `paper`, 64 at 1; `blocks`, `shrink` and
    `in_channels` are those of ModernSuperResNetwork. Raises OptionError for unknown architectures
    and factors, numbers out of range, and options that the architecture does not have.
    """

    kind: ClassVar[str] = "superres"  # with `architecture` the name of its record

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


def superres_shapes(config: SuperResConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the network that the config describes."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, inputs: int, outputs: int, size: int, *, transposed: bool = False) -> None:
        ends = (inputs, outputs) if transposed else (outputs, inputs)
        shapes.update({f"{name}.weight": (*ends, size, size), f"{name}.bias": (outputs,)})

    def norm(name: str) -> None:
        each = ("weight", "bias", "running_mean", "running_var")
        shapes.update({f"{name}.{tensor}": (filters,) for tensor in each})
        shapes[f"{name}.num_batches_tracked"] = ()

    filters, factor = round(SUPERRES_FILTERS * config.width), config.factor
    if config.architecture == "modern":
        conv("head", config.in_channels * config.shrink**2, filters, 3)
        for index in range(config.blocks):
            conv(f"body.{index}.first", filters, filters, 3)
            conv(f"body.{index}.second", filters, filters, 3)
        conv("tail", filters, 3 * (factor * config.shrink) ** 2, 3)
    elif config.architecture == "paper":
        conv("layers.0", 3, filters, 9)
        norm("layers.1")
        for index in range(3, 3 + PAPER_BLOCKS):
            for place in (0, 3):
                conv(f"layers.{index}.body.{place}", filters, filters, 3)
                norm(f"layers.{index}.body.{place + 1}")
        last = 3 + PAPER_BLOCKS + 3 * int(math.log2(factor))
        for index in range(3 + PAPER_BLOCKS, last, 3):
            conv(f"layers.{index}", filters, filters, 3, transposed=True)
            norm(f"layers.{index + 1}")
        conv(f"layers.{last}", filters, 3, 9)
    else:
        first, second = SRCNN_FILTERS
        conv("layers.0", 1, first, 9)
        conv("layers.2", first, second, int(config.architecture.split("-")[2]))
        conv("layers.4", second, 1, 5)
    return shapes
