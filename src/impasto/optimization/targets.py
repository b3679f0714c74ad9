"""From a photo, paintings and a config to the terms of the objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from impasto.losses.content import mean_squares
from impasto.losses.targets import lasting
from impasto.networks import LossNetwork
from impasto.optimization.picture_loss import ContentTerm, StyleTerm
from impasto.optimization.regions import LEAST_POSITIONS, Region, guide_of
from impasto.optimization.statistics import ContentSum, FeatureStatistics, GramSum

# As in PerceptualLoss: a target whose squared size is below is empty, its error left absolute.
EMPTY_TARGET = 1e-12
PROBE_PX = 64

Scale = Literal["relative", "absolute", "gatys"]


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """A layer's map for an image of the size in question."""

    channels: int
    size_hw: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What looks at images for the targets' sake: the network, and in how many rows at a time."""

    network: LossNetwork
    strip_rows: int | None = None
    reach_px: int = 0

    def statistics(self, sums: Sequence[ContentSum | GramSum]) -> FeatureStatistics:
        """The sums over the features of an image."""
        return FeatureStatistics(
            self.network, sums, strip_rows=self.strip_rows, reach_px=self.reach_px
        )

    def shapes(self, image: Tensor, layers: Sequence[str]) -> dict[str, LayerShape]:
        """Each layer's shape for an image of this size, from two narrow parts of it."""
        with torch.no_grad():
            upright = self.network(image[..., :PROBE_PX], layers)
            level = self.network(image[..., :PROBE_PX, :], layers)
        return {
            layer: LayerShape(
                channels=upright[layer].shape[1],
                size_hw=(upright[layer].shape[2], level[layer].shape[3]),
            )
            for layer in layers
        }

    def content_terms(
        self, image: Tensor, layers: Mapping[str, float], scale: Scale
    ) -> list[ContentTerm]:
        """A term for each layer, with the features of `image` as its target."""
        with lasting(image):
            features = self.statistics([]).features(image, list(layers))
        terms = []
        for layer, target in features.items():
            factor = 1.0
            if scale == "relative":
                size = float(mean_squares(target))
                factor = 1 / size if size > EMPTY_TARGET else 1.0
            elif scale == "gatys":  # half the sum
                factor = target.numel() / 2
            terms.append(
                ContentTerm(
                    sum=ContentSum(layer=layer, target=target), factor=factor, weight=layers[layer]
                )
            )
        return terms

    def style_terms(
        self, image: Tensor, regions: Sequence[Region], layers: Mapping[str, float], scale: Scale
    ) -> list[StyleTerm]:
        """A term for each layer and each region that has a place in it.

        Without masks all paintings make one target: the mean of their Gram matrices by weight.
        """
        shapes = self.shapes(image, list(layers))
        whole = sum(region.weight for region in regions) or 1.0
        groups = [[region] for region in regions] if regions[0].mask is not None else [regions]
        terms: list[StyleTerm] = []
        for group in groups:
            total = sum(region.weight for region in group)
            grams = self._mean_gram(group, layers)
            part = total / whole * len(regions) * group[0].share if len(groups) > 1 else 1.0
            for layer, gram in grams.items():
                term = _style_term(layer, shapes[layer], gram, group[0].mask, scale)
                if term is not None:
                    terms.append(
                        StyleTerm(
                            sum=term.sum,
                            target=term.target,
                            factor=term.factor,
                            weight=layers[layer] * part,
                        )
                    )
        return terms

    def _mean_gram(self, group: Sequence[Region], layers: Mapping[str, float]) -> dict[str, Tensor]:
        """Layer -> the weighted mean of the Gram matrices of eq. 3, (1, C, C)."""
        total = sum(region.weight for region in group)
        means: dict[str, Tensor] = {}
        for region in group:
            if not region.weight:
                continue
            shapes = self.shapes(region.style, list(layers))
            sums = []
            for layer, shape in shapes.items():
                guide, positions = guide_of(region.style_mask, shape.size_hw)
                scale = region.weight / total / (shape.channels * max(positions, LEAST_POSITIONS))
                sums.append(GramSum(layer=layer, scale=scale, guide=guide))
            with lasting(region.style):
                found = self.statistics(sums)(region.style)
            for layer, gram in zip(shapes, found, strict=True):
                means[layer] = means[layer] + gram if layer in means else gram
        return means


def _style_term(
    layer: str, shape: LayerShape, gram: Tensor, mask: Tensor | None, scale: Scale
) -> StyleTerm | None:
    guide, positions = guide_of(mask, shape.size_hw)
    if positions < LEAST_POSITIONS:
        return None
    entries = shape.channels * positions
    if scale == "gatys":
        # E_l: the matrices are not divided by anything, and the painting's is brought to as many
        # positions as the image has (the papers give both pictures one size).
        return StyleTerm(
            sum=GramSum(layer=layer, scale=1.0, guide=guide),
            target=gram * entries,
            factor=1 / (4 * entries**2),
            weight=1.0,
        )
    size = float(gram.square().sum())
    relative = scale == "relative" and size > EMPTY_TARGET
    return StyleTerm(
        sum=GramSum(layer=layer, scale=1 / entries, guide=guide),
        target=gram,
        factor=1 / size if relative else 1.0,
        weight=1.0,
    )
