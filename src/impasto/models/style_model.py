"""A trained style, ready to paint."""

import copy
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.networks import StyleNetworkConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleModel:
    """A style network with its config and its card (who painted it, how it was trained).

    `network` is in eval mode, in float32, with frozen parameters. Calling the model gives the
    plain forward pass, clamped; `impasto.inference` paints photos of any size with it.
    """

    name: str
    network: nn.Module
    config: StyleNetworkConfig
    card: dict[str, Any] = field(default_factory=dict)

    def __call__(self, image: Tensor) -> Tensor:
        """Paint: (N, 3, H, W) RGB in [0, 1] -> the same, any H, W >= 1."""
        return cast(Tensor, self.network(image)).clamp(0, 1)

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> "StyleModel":
        """This model on `device`: itself if it is there already, else a copy."""
        if torch.empty(0, device=device).device == self.device:  # "cuda" means its current index
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))
