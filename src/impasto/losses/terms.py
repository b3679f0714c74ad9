"""The named terms of a perceptual loss, and what it asks of a loss network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor


class LossNetwork(Protocol):
    """What a loss network must do; it must also be an nn.Module."""

    layer_names: tuple[str, ...]

    def __call__(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """(N, 3, H, W) RGB in [0, 1] -> {layer: (N, C, h, w)}, no deeper than asked."""
        ...


class LossTerms(NamedTuple):
    """The terms, each an unweighted scalar tensor >= 0; 0 for a term whose weight is 0.

    `content_by_layer` and `style_by_layer` hold each layer's own loss, before its layer weight;
    `content` and `style` are their sums, each times its layer weight.
    """

    content: Tensor
    style: Tensor
    tv: Tensor
    pixel: Tensor
    content_by_layer: dict[str, Tensor]
    style_by_layer: dict[str, Tensor]


def sum_layers(
    weights: Mapping[str, float], by_layer: Mapping[str, Tensor], zero: Tensor
) -> Tensor:
    """Sum of each layer's loss times its weight; `zero` for no layers."""
    total = zero
    for layer, loss in by_layer.items():
        total = total + weights[layer] * loss
    return total
