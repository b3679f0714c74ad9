"""What is done to one tile: the network in the precision asked for, and what belongs to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from impasto.engines.color_match import LOW_FREQUENCY_RADIUS_PX, match_low_frequencies
from impasto.errors import ModelError, OptionError
from impasto.machine.devices import PRECISIONS, choose_dtype
from impasto.models import SuperResModel
from impasto.networks.architectures import architecture_of
from impasto.networks.bicubic import BICUBIC_RADIUS, enlarge
from impasto.plans.rewrite import data_of

SuperResPrecision = Literal["auto", "float32", "bfloat16", "float16"]
SUPERRES_PRECISIONS = (*PRECISIONS, "float16")

# The widest map of a tile, in bytes. On a CPU it should stay in the outer cache, and below the
# 32 MiB from which the allocator gives memory back each time, which costs a third of the speed.
CPU_MAP_BYTES = 20 * 2**20
OTHER_MAP_BYTES = 256 * 2**20


def choose_superres_dtype(precision: str, model: SuperResModel) -> torch.dtype:
    """In what number format the network's convolutions are computed.

    "auto" is float16 on CUDA and, on other devices, what `choose_dtype` says. Only the `modern`
    network, which adds details to an enlargement in float32, is run in half precision: the others
    make the whole picture, whose smooth areas would show steps. Raises OptionError for unknown
    names.
    """
    if precision not in SUPERRES_PRECISIONS:
        raise OptionError(
            f"no precision {precision!r}; choose from {', '.join(SUPERRES_PRECISIONS)}"
        )
    if not architecture_of(model.config).half:
        return torch.float32
    if precision == "float16" or (precision == "auto" and model.device.type == "cuda"):
        return torch.float16
    return choose_dtype(precision, model.device)


def choose_tile_px(model: SuperResModel, dtype: torch.dtype) -> int:
    """The side of a tile, without what it sees around it, that the device works on fastest."""
    budget = CPU_MAP_BYTES if model.device.type == "cpu" else OTHER_MAP_BYTES
    side = int((budget / (_widest_map(model) * dtype.itemsize)) ** 0.5)
    # in smaller tiles most of the work would be for what they see around them
    return max(side - 2 * radius_of(model), 10 * radius_of(model))


def radius_of(model: SuperResModel) -> int:
    """How far an output pixel of the network sees, in low-resolution pixels."""
    return data_of(model.network).radius_px


def tile_bytes(model: SuperResModel, dtype: torch.dtype, seen_px: int) -> int:
    """Roughly what computing a tile takes at its peak, of which so many pixels are seen.

    Measured: 1.0 KB a pixel for the default networks in bfloat16, 1.6 in float32; and 11 for the
    paper's at factor 4.
    """
    modern = model.config.architecture == "modern"
    maps = (8 if modern else 3) * _widest_map(model) * dtype.itemsize
    return int(seen_px * (maps + 12 * model.factor**2 + 200))


def _widest_map(model: SuperResModel) -> float:
    """Values per low-resolution pixel of the network's widest map."""
    config = model.config
    if config.architecture == "modern":
        filters = round(64 * config.width)
        return max(filters / config.shrink**2, 3 * config.factor**2)
    filters = 64 if config.architecture.startswith("srcnn") else round(64 * config.width)
    return filters * config.factor**2  # at the high resolution


@dataclass(kw_only=True)
class TileNetwork:
    """Tiles (1, C, h, w) in [0, 1] -> (1, 3, h * factor, w * factor) float32 in [0, 1].

    `strength`: 0 the bicubic enlargement, 1 the network's output. `low_frequencies`: correct the
    output's colours to those of the tile, see `match_colors`. A fourth channel of the tile is the
    mask of what is missing (1) and known (0); what is known stays as it is.

    What is not finite in `dtype` is computed again in float32, and `on_warning` is told once.
    """

    model: SuperResModel
    dtype: torch.dtype
    strength: float = 1.0
    low_frequencies: bool = False
    on_warning: Callable[[str], object]
    _warned: bool = field(default=False, init=False)

    @cached_property
    def radius_px(self) -> int:
        """How far an output pixel sees, in low-resolution pixels."""
        extra = LOW_FREQUENCY_RADIUS_PX if self.low_frequencies else 0
        return max(radius_of(self.model) + extra, BICUBIC_RADIUS)

    @property
    def multiple(self) -> int:
        """Tiles must start at multiples of this."""
        return self.model.config.shrink

    def __call__(self, tile: Tensor) -> Tensor:
        """Raises ModelError if the network gives NaN or infinity in float32 too."""
        with torch.no_grad():
            tile = tile.to(self.model.device).contiguous(memory_format=torch.channels_last)
            output = self._finite_output(tile).clamp_(0, 1)
            image = tile[:, :3]
            if self.low_frequencies:
                output = match_low_frequencies(output, image).clamp_(0, 1)
            if self.strength < 1:
                plain = enlarge(image, self.model.factor).clamp(0, 1)
                output = torch.lerp(plain, output, self.strength)
            if tile.shape[1] == 4:
                output = torch.where(tile[:, 3:] > 0, output, image)
            return output

    def _finite_output(self, tile: Tensor) -> Tensor:
        output = self._forward(tile, self.dtype)
        if self.dtype != torch.float32 and not _is_finite(output):
            if not self._warned:
                self._warned = True
                name = str(self.dtype).removeprefix("torch.")
                self.on_warning(
                    f"{self.model.name} leaves the range of {name}; such tiles are computed "
                    "again in float32"
                )
            output = self._forward(tile, torch.float32)
        if not _is_finite(output):
            raise ModelError(
                f"model {self.model.name!r} gives NaN or infinity; train or download it anew"
            )
        return output

    def _forward(self, tile: Tensor, dtype: torch.dtype) -> Tensor:
        half = dtype != torch.float32
        # Switched off where it is not wanted, too: the caller may have switched it on.
        with torch.autocast(tile.device.type, dtype=dtype if half else None, enabled=half):
            output: Tensor = self.model.network(tile)
        return output.float()


def _is_finite(output: Tensor) -> bool:
    # Values near [0, 1] cannot overflow a sum, and unlike isfinite() it needs no map.
    return bool(torch.isfinite(output.sum()))
