"""Which style network, how wide and deep. Never imports torch."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from impasto.errors import OptionError

ARCHITECTURES = ("modern", "paper", "fast", "pytorch-examples", "lengstrom")
NORMS = ("instance", "batch")
PAPER_BLOCKS = 5
MAX_BLOCKS = 16


@dataclass(frozen=True, kw_only=True)
class StyleNetworkConfig:
    """A style network by name. `width` multiplies every number of filters; 1 is the paper's.

    `blocks` is the number of residual blocks, the paper's by default. Raises OptionError for an
    unknown architecture or norm, a width outside [1/16, 4], blocks outside [1, 16], and what an
    architecture does not have: batch norm in all but the `paper` network, and in that one another
    number of blocks than 5, which its border belongs to. `pytorch-examples` and `lengstrom` are
    what `impasto import` reads, see `networks.imported`.
    """

    kind: ClassVar[str] = "style"  # with `architecture` the name of its record

    architecture: Literal["modern", "paper", "fast", "pytorch-examples", "lengstrom"] = "modern"
    width: float = 0.5
    norm: Literal["instance", "batch"] = "instance"
    blocks: int = PAPER_BLOCKS

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise OptionError(
                f"no architecture {self.architecture!r}; choose from {list(ARCHITECTURES)}"
            )
        if self.norm not in NORMS:
            raise OptionError(f"no norm {self.norm!r}; choose from {list(NORMS)}")
        if not (math.isfinite(self.width) and 1 / 16 <= self.width <= 4):
            raise OptionError(f"network width must lie between 1/16 and 4, got {self.width}")
        if not 1 <= self.blocks <= MAX_BLOCKS:
            raise OptionError(f"residual blocks must be 1 to {MAX_BLOCKS}, got {self.blocks}")
        if self.architecture == "paper":
            if self.blocks != PAPER_BLOCKS:
                raise OptionError(
                    f"the paper's network has {PAPER_BLOCKS} residual blocks, which its border of "
                    f"40 pixels is for, got {self.blocks}; use architecture 'modern' or 'fast'"
                )
        elif self.architecture == "lengstrom" and self.blocks != PAPER_BLOCKS:
            raise OptionError(
                f"lengstrom's network has {PAPER_BLOCKS} residual blocks, got {self.blocks}; use "
                "architecture 'modern'"
            )
        elif self.norm == "batch":
            raise OptionError(
                f"the {self.architecture} network has instance norm only; use architecture 'paper'"
            )
