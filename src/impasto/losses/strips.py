"""Large images through a loss network strip by strip: the same sums and gradient in less memory.

A first pass adds up what the terms need to know (`Term.sums`), the losses and their gradients by
those sums follow, and a second pass takes each strip's gradient with those held fixed. Every strip
is shown as many rows beyond its own as the network can see, which makes sums and gradient those of
the whole image.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto.losses.terms import LossNetwork, Term

# Positions of strips are multiples of this, so that every pooling cuts as in the whole image.
ALIGNMENT = 32


class Strip(NamedTuple):
    """Rows [top, bottom) of an image are its own; the network is shown rows [above, below)."""

    top: int
    bottom: int
    above: int
    below: int
    last: bool

    def own(self, features: Tensor) -> tuple[Tensor, slice]:
        """The strip's own rows of a layer, and which rows of the whole image's layer they are.

        The layer's stride is a power of two, for networks that cut into strips.
        """
        stride, rows = 1, features.shape[2]
        while (self.below - self.above) // stride > rows:
            stride *= 2
        start = (self.top - self.above) // stride
        stop = rows if self.last else start + (self.bottom - self.top) // stride
        first = self.top // stride
        return features[:, :, start:stop], slice(first, first + stop - start)


class Strips(NamedTuple):
    """How an image is cut: rows of a strip, and how far from a pixel the network can see it.

    Both are multiples of ALIGNMENT.
    """

    rows: int
    reach_px: int

    def of(self, height: int) -> Iterator[Strip]:
        """The strips of an image of `height` rows.

        A rest of fewer rows than the network's coarsest stride stays with the strip before it.
        """
        tops = list(range(0, height, self.rows))
        if len(tops) > 1 and height - tops[-1] < ALIGNMENT:
            tops.pop()
        for top, bottom in zip(tops, [*tops[1:], height], strict=True):
            above, below = max(0, top - self.reach_px), min(height, bottom + self.reach_px)
            yield Strip(top, bottom, above, below, last=bottom == height)


def features_by_strip(
    network: LossNetwork, image: Tensor, layers: Sequence[str], strips: Strips
) -> Iterator[dict[str, tuple[Tensor, slice | None]]]:
    """For each strip layer -> its own features, and which rows of the whole layer they are."""
    for strip in strips.of(image.shape[2]):
        shown = network(image[:, :, strip.above : strip.below], layers)
        yield {layer: strip.own(found) for layer, found in shown.items()}


@torch.no_grad()
def whole_features(
    network: LossNetwork, image: Tensor, layers: Sequence[str], strips: Strips | None
) -> dict[str, Tensor]:
    """Layer -> (1, C, h, w), for targets: without a gradient."""
    if strips is None:
        return network(image, layers)
    parts = list(features_by_strip(network, image, layers, strips))
    return {layer: torch.cat([part[layer][0] for part in parts], 2) for layer in layers}


def sums_in_strips(
    network: LossNetwork, image: Tensor, terms: Sequence[Term], strips: Strips
) -> tuple[Tensor, ...]:
    """Each term's sums over the image (1, 3, H, W), differentiable by the image, once.

    Style terms must say over how many positions they go.
    """
    sums: tuple[Tensor, ...] = _InStrips.apply(image, network, terms, strips)  # type: ignore[no-untyped-call]
    return sums


def _sums_of_strip(
    network: LossNetwork, shown: Tensor, terms: Sequence[Term], strip: Strip
) -> list[Tensor]:
    """What one strip adds to each of the sums; `shown` is its rows [above, below)."""
    features = network(shown, list(dict.fromkeys(term.layer for term in terms)))
    return [term.sums(*strip.own(features[term.layer])) for term in terms]


class _InStrips(torch.autograd.Function):
    """`sums_in_strips` in two passes: the sums, then their gradient strip by strip."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, network: LossNetwork, terms: Sequence[Term], strips: Strips
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.network, ctx.terms, ctx.strips = network, terms, strips
        device = image.device.type
        ctx.lowered = torch.is_autocast_enabled(device)  # which a backward pass does not inherit
        ctx.dtype = torch.get_autocast_dtype(device)
        totals: list[Tensor] = []
        for strip in strips.of(image.shape[2]):
            shown = image[:, :, strip.above : strip.below]
            parts = _sums_of_strip(network, shown, terms, strip)
            totals = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts
        return tuple(totals)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (image,) = ctx.saved_tensors
        gradient = torch.zeros_like(image)
        for strip in ctx.strips.of(image.shape[2]):
            rows = slice(strip.above, strip.below)
            shown = image[:, :, rows].detach().requires_grad_(True)
            lowered = torch.autocast(image.device.type, ctx.dtype, enabled=ctx.lowered)
            with torch.enable_grad(), lowered:
                parts = _sums_of_strip(ctx.network, shown, ctx.terms, strip)
            gradient[:, :, rows] += torch.autograd.grad(parts, shown, gradients)[0]
        return gradient, None, None, None
