"""A trained style, ready to paint."""

from dataclasses import dataclass

from impasto.models.trained_model import TrainedModel
from impasto.networks import StyleNetworkConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleModel(TrainedModel):
    """A style network with its config and its card (who painted it, how it was trained).

    Calling it paints (N, 3, H, W) -> the same size; `impasto.painting` paints photos of any size
    with it in bounded memory.
    """

    config: StyleNetworkConfig
