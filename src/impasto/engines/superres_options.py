"""The options that all functions of super-resolution and restoration share. Never imports torch."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.engines.backends import check_name
from impasto.engines.color_match import check_color_match
from impasto.errors import OptionError
from impasto.events import CancelToken

if TYPE_CHECKING:
    import torch

    from impasto.models import SuperResModel
    from impasto.models.model_file import ModelTensors
    from impasto.networks.superres_config import SuperResConfig

    Model = SuperResModel | ModelTensors[SuperResConfig]
else:
    Model = Any

SUPERRES_PRECISIONS = ("auto", "float32", "bfloat16", "float16")

Tell = Callable[[float], object]


def ignore(share: float) -> None:
    """For those who do not want to know about progress."""


@dataclass(frozen=True, kw_only=True)
class SuperResOptions:
    """How a picture is to be upscaled or restored. Raises OptionError for values that cannot be.

    strength: 0 is the bicubic enlargement, 1 the network's output. color_match: one of
    COLOR_MATCHES, or "auto", what the model's card recommends. precision: one of
    SUPERRES_PRECISIONS. backend: one of BACKENDS. device: where to compute, by default where the
    model is. tile_px: side of a tile in low-resolution pixels (default: by device). on_warning:
    told what did not go as planned but was helped. on_progress: told the share done. cancel: asked
    before each tile.
    """

    strength: float = 1.0
    color_match: str = "none"
    precision: str = "auto"
    backend: str = "auto"
    device: "str | torch.device | None" = None
    tile_px: int | None = None
    on_warning: Callable[[str], object] = warnings.warn
    on_progress: Tell = ignore
    cancel: CancelToken | None = None

    def __post_init__(self) -> None:
        check_strength(self.strength)
        if self.color_match != "auto":
            check_color_match(self.color_match)
        check_name("precision", self.precision, SUPERRES_PRECISIONS)
        tile_px = self.tile_px
        is_whole = isinstance(tile_px, int) and not isinstance(tile_px, bool)
        if tile_px is not None and not (is_whole and tile_px >= 1):
            raise OptionError(f"tile_px {tile_px!r}: a whole number of pixels from 1 on")

    def color_match_of(self, model: "Model") -> str:
        """What is asked for; for "auto" the recommendation of the model's card, else "none"."""
        if self.color_match != "auto":
            return self.color_match
        recommended = str(model.card.get("color_match") or "none")
        check_color_match(recommended)
        return recommended


def check_strength(strength: float) -> None:
    """Raise OptionError unless `strength` lies in [0, 1]."""
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not number or not 0 <= strength <= 1:
        raise OptionError(f"strength {strength!r}: must lie between 0, the photo, and 1, the style")
