"""All that the losses need to know of an image's features, and its gradient in bounded memory.

Content and style losses are functions of a few sums over positions: the squared differences from
the target's features, and Gram matrices. So a large image can go through the loss network strip
by strip: a first pass adds the sums up, the losses and their gradients by the sums follow, and a
second pass takes each strip's gradient with those held fixed. Every strip is shown as many rows
beyond its own as the network can see, which makes sums and gradient those of the whole image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.losses.content import content_errors
from impasto.losses.gram import scaled_gram
from impasto.networks import LossNetwork
from impasto.optimization.strips import Strip, own_rows, strips_of


@dataclass(frozen=True, kw_only=True)
class ContentSum:
    """Sum of squared differences of a layer's features from `target` (1, C, h, w) -> scalar.

    Divided by the number of differences, as in eq. 2.
    """

    layer: str
    target: Tensor

    def of(self, features: Tensor, rows: slice, whole: slice) -> Tensor:
        """The part that the `rows` of `features` add, which are the rows `whole` of the target."""
        share = (whole.stop - whole.start) / self.target.shape[2]
        error = content_errors(features[:, :, rows], self.target[:, :, whole]).sum()
        return error.mul(share)


@dataclass(frozen=True, kw_only=True)
class GramSum:
    """`scale` times the sum of F F^T over the positions of a layer -> (1, C, C).

    With a `guide` (1, 1, h, w), features are multiplied by it first (guided Gram matrices, Gatys et
    al. 2017, arXiv 1611.07865, eq. 5).
    """

    layer: str
    scale: float
    guide: Tensor | None = None

    def of(self, features: Tensor, rows: slice, whole: slice) -> Tensor:
        """The part that the `rows` of `features` add, which are the rows `whole` of the guide."""
        own = features[:, :, rows]
        if self.guide is not None:
            own = own * self.guide[:, :, whole].to(own.dtype)
        return scaled_gram(own, self.scale)


Sum = ContentSum | GramSum


class FeatureStatistics:
    """image (1, 3, H, W) -> one tensor for each of `sums`, differentiable by the image.

    strip_rows: of how many rows at a time the features are held; None: all at once.
    """

    def __init__(
        self,
        network: LossNetwork,
        sums: Sequence[Sum],
        *,
        strip_rows: int | None = None,
        reach_px: int = 0,
    ) -> None:
        self.network = network
        self.sums = tuple(sums)
        self.layers = tuple(dict.fromkeys(each.layer for each in sums))
        self.strip_rows = strip_rows
        self.reach_px = reach_px

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        if not self.sums:
            return ()
        if self.strip_rows is None or self.strip_rows >= image.shape[2]:
            features = self.network(image, self.layers)
            return tuple(
                each.of(features[each.layer], slice(None), slice(0, features[each.layer].shape[2]))
                for each in self.sums
            )
        return _InStrips.apply(image, self)  # type: ignore[no-untyped-call, no-any-return]

    def strips(self, height: int) -> list[Strip]:
        """The strips of an image of `height` rows."""
        return list(strips_of(height, self.strip_rows or height, self.reach_px))

    def features(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The features themselves, (1, C, h, w) each, for targets; without a gradient."""
        found: dict[str, list[Tensor]] = {layer: [] for layer in layers}
        with torch.no_grad():
            for strip in self.strips(image.shape[2]):
                shown = self.network(image[:, :, strip.above : strip.below], layers)
                for layer, features in shown.items():
                    own = features[:, :, own_rows(features.shape[2], strip)[0]]
                    found[layer].append(own)
        return {
            layer: parts[0] if len(parts) == 1 else torch.cat(parts, 2)
            for layer, parts in found.items()
        }

    def of_strip(self, image: Tensor, strip: Strip) -> list[Tensor]:
        """What one strip adds to each of the sums; `image` is its rows [above, below)."""
        features = self.network(image, self.layers)
        parts = []
        for each in self.sums:
            rows, whole = own_rows(features[each.layer].shape[2], strip)
            parts.append(each.of(features[each.layer], rows, whole))
        return parts


class _InStrips(torch.autograd.Function):
    """`FeatureStatistics` in two passes: the sums, then their gradient strip by strip."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, statistics: FeatureStatistics) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.statistics = statistics
        device = image.device.type
        ctx.lowered = torch.is_autocast_enabled(device)  # which a backward pass does not inherit
        ctx.dtype = torch.get_autocast_dtype(device)
        totals: list[Tensor] = []
        for strip in statistics.strips(image.shape[2]):
            parts = statistics.of_strip(image[:, :, strip.above : strip.below], strip)
            totals = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts
        return tuple(totals)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (image,) = ctx.saved_tensors
        statistics: FeatureStatistics = ctx.statistics
        gradient = torch.zeros_like(image)
        for strip in statistics.strips(image.shape[2]):
            rows = slice(strip.above, strip.below)
            shown = image[:, :, rows].detach().requires_grad_(True)
            lowered = torch.autocast(image.device.type, ctx.dtype, enabled=ctx.lowered)
            with torch.enable_grad(), lowered:
                parts = statistics.of_strip(shown, strip)
            gradient[:, :, rows] += torch.autograd.grad(parts, shown, gradients)[0]
        return gradient, None
