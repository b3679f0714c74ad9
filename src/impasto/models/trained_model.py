"""What every trained model is: a network, ready to use, and its card."""

import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """A network with its card (what it is, how it was trained).

    `network` is in eval mode, in float32, with frozen parameters. Calling the model gives the
    plain forward pass, clamped to [0, 1].
    """

    name: str
    network: nn.Module
    card: dict[str, Any] = field(default_factory=dict)

    def __call__(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] -> the network's output, clamped to [0, 1]; any H, W >= 1."""
        return cast(Tensor, self.network(image)).clamp(0, 1)

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """This model on `device`: itself if it is there already, else a copy."""
        if torch.empty(0, device=device).device == self.device:  # "cuda" means its current index
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))
