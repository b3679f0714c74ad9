"""The distance of feature directions: LPIPS' form (Zhang et al., arXiv 1801.03924, eq. 1)."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, check_pair
from impasto.losses.terms import LossNetwork, sum_layers
from impasto.losses.weights import layer_weights

EPSILON = 1e-10  # LPIPS' own, against a division by zero


def unit_feature_loss(
    features: Tensor, target: Tensor, channel_weights: Tensor | None = None
) -> Tensor:
    """Two (N, C, H, W) maps -> scalar: each pixel's feature vector is scaled to length 1 first.

    The squared differences are added up over the channels, each times its entry of
    `channel_weights` (C,) (LPIPS' linear head; None: 1 each), and averaged over pixels and batch.
    Without weights it lies in [0, 4]: 2 - 2 cos of the angle between the vectors.
    """
    check_pair(features, target, "features")
    dtype = accumulation_dtype(features)
    squared = (_unit(features.to(dtype)) - _unit(target.to(dtype))).square()
    if channel_weights is not None:
        squared = squared * channel_weights.to(squared).reshape(1, -1, 1, 1)
    return squared.sum(1).mean()


def _unit(features: Tensor) -> Tensor:
    # below the root, unlike LPIPS: the root's gradient at 0 is infinite
    length = (features.square().sum(1, keepdim=True) + EPSILON).sqrt()
    return features / length


class UnitFeatureLoss(nn.Module):
    """`unit_feature_loss` over layers of a loss network, weighted and added up.

    What LPIPS is with every channel's weight 1: no head was fitted to people's judgements for
    most loss networks. Raises OptionError for an unknown layer or bad weight.
    """

    def __init__(
        self, loss_network: nn.Module, layers: Sequence[str] | Mapping[str, float]
    ) -> None:
        super().__init__()
        self.loss_network = loss_network.requires_grad_(False).eval()
        self.layers = layer_weights(layers, "unit feature")
        known = tuple(cast(LossNetwork, loss_network).layer_names)
        for layer in self.layers:
            if layer not in known and "/" not in layer:
                raise OptionError(f"no layer {layer!r} in the loss network; choose from {known}")

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Two (N, 3, H, W) images in [0, 1] -> scalar; the target gets no gradient."""
        network = cast(LossNetwork, self.loss_network)
        with torch.no_grad():
            wanted = network(target, list(self.layers))
        found = network(output, list(self.layers))
        by_layer = {name: unit_feature_loss(found[name], wanted[name]) for name in self.layers}
        return sum_layers(self.layers, by_layer, output.new_zeros(()))
