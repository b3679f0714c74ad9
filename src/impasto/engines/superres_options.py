"""The options that all functions of super-resolution and restoration share."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from impasto.engines.color_match import check_color_match
from impasto.engines.stylize_tensor import check_strength
from impasto.engines.tile_network import SUPERRES_PRECISIONS
from impasto.errors import OptionError
from impasto.models import SuperResModel


def ignore(share: float) -> None:
    """For those who do not want to know about progress."""


@dataclass(frozen=True, kw_only=True)
class SuperResOptions:
    """How a picture is to be upscaled or restored. Raises OptionError for values that cannot be.

    strength: 0 is the bicubic enlargement, 1 the network's output. color_match: one of
    COLOR_MATCHES, or "auto", what the model's card recommends. precision: one of
    SUPERRES_PRECISIONS. tile_px: side of a tile in low-resolution pixels (default: by device).
    on_warning: told what did not go as planned but was helped. on_progress: told the share done.
    """

    strength: float = 1.0
    color_match: str = "none"
    precision: str = "auto"
    tile_px: int | None = None
    on_warning: Callable[[str], object] = warnings.warn
    on_progress: Callable[[float], object] = ignore

    def __post_init__(self) -> None:
        check_strength(self.strength)
        if self.color_match != "auto":
            check_color_match(self.color_match)
        if self.precision not in SUPERRES_PRECISIONS:
            raise OptionError(
                f"no precision {self.precision!r}; choose from {', '.join(SUPERRES_PRECISIONS)}"
            )
        tile_px = self.tile_px
        whole = isinstance(tile_px, int) and not isinstance(tile_px, bool)
        if tile_px is not None and not (whole and tile_px >= 1):
            raise OptionError(f"tile_px {tile_px!r}: a whole number of pixels from 1 on")

    def color_match_of(self, model: SuperResModel) -> str:
        """What is asked for; for "auto" the recommendation of the model's card, else "none"."""
        if self.color_match != "auto":
            return self.color_match
        recommended = str(model.card.get("color_match") or "none")
        check_color_match(recommended)
        return recommended
