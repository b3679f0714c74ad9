"""Which features an inversion decoder reads, and how large it is. Never imports torch."""

import math
from dataclasses import dataclass
from typing import ClassVar

from impasto.errors import OptionError

FILTERS = 32  # at the image's own size; twice as many with every halving
MAX_FILTERS = 256
MAX_CHANNELS, MAX_STRIDE = 4096, 64


@dataclass(frozen=True, kw_only=True)
class InversionConfig:
    """Which features a decoder reads, and how large it is.

    loss_network is a name or a file as for `load_loss_network`, weights_hash that of its weights;
    `layer` has `channels` and a sample for each `stride` pixels a side. `width` multiplies the
    filters, 32 at the image's size. Raises OptionError for numbers out of range.
    """

    kind: ClassVar[str] = "inversion"  # the name of its record

    loss_network: str = "vgg16"
    weights_hash: str = ""
    layer: str = "relu3_1"
    channels: int = 256
    stride: int = 4
    width: float = 1.0
    blocks: int = 2

    def __post_init__(self) -> None:
        if self.stride not in (1, 2, 4, 8, 16, 32, 64) or not 1 <= self.channels <= MAX_CHANNELS:
            raise OptionError(
                f"features of {self.channels} channels and stride {self.stride}; wanted 1 to "
                f"{MAX_CHANNELS} channels and a power of two up to {MAX_STRIDE}"
            )
        if not (math.isfinite(self.width) and 1 / 16 <= self.width <= 4):
            raise OptionError(f"network width must lie between 1/16 and 4, got {self.width}")
        if not 0 <= self.blocks <= 16:
            raise OptionError(f"residual blocks must lie between 0 and 16, got {self.blocks}")

    @property
    def filters(self) -> list[int]:
        """At the image's own size, then after each halving."""
        levels = range(self.stride.bit_length())
        wide = (min(FILTERS * 2**level, MAX_FILTERS) for level in levels)
        return [max(4, round(each * self.width)) for each in wide]
