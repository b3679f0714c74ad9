"""The objective of a picture: named terms over the statistics of its features, and TV."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from impasto.losses import tv_loss
from impasto.losses.style import style_errors
from impasto.optimization.statistics import ContentSum, FeatureStatistics, GramSum


@dataclass(frozen=True, kw_only=True)
class ContentTerm:
    """`factor` times the mean squared difference of one layer's features."""

    sum: ContentSum
    factor: float
    weight: float  # of the layer

    def error(self, statistic: Tensor) -> Tensor:
        """-> scalar >= 0."""
        return self.factor * statistic


@dataclass(frozen=True, kw_only=True)
class StyleTerm:
    """`factor` times the squared Frobenius distance of one layer's Gram matrix from `target`."""

    sum: GramSum
    target: Tensor  # (1, C, C)
    factor: float
    weight: float  # of the layer, and of the region

    def error(self, statistic: Tensor) -> Tensor:
        """-> scalar >= 0."""
        return self.factor * style_errors(statistic, self.target).sum()


@dataclass(frozen=True, kw_only=True)
class PictureWeights:
    """Of the three terms; TV is the sum of squared differences of neighbours, or their mean."""

    content: float
    style: float
    tv: float
    mean_tv: bool


class PictureLoss:
    """image (1, 3, H, W) in [0, 1] -> the weighted total, and the unweighted terms by name.

    The terms are "content", "style", "tv", and "style LAYER" for each layer before its weight.
    Terms of weight 0 are not computed. `seen` is what of the image the loss network sees.
    """

    def __init__(
        self,
        content: Sequence[ContentTerm],
        style: Sequence[StyleTerm],
        weights: PictureWeights,
        statistics: Callable[[Sequence[ContentSum | GramSum]], FeatureStatistics],
        *,
        seen: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.content = tuple(content) if weights.content else ()
        self.style = tuple(style) if weights.style else ()
        self.weights = weights
        sums: list[ContentSum | GramSum] = [term.sum for term in self.content]
        self.statistics = statistics([*sums, *(term.sum for term in self.style)])
        self.seen = seen

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        shown = image if self.seen is None else self.seen(image)
        found = self.statistics(shown)
        zero = image.new_zeros(())
        terms = {"content": zero, "style": zero, "tv": zero}
        content_found, style_found = found[: len(self.content)], found[len(self.content) :]
        for content, statistic in zip(self.content, content_found, strict=True):
            terms["content"] = terms["content"] + content.weight * content.error(statistic)
        by_layer: dict[str, Tensor] = {}
        for style, statistic in zip(self.style, style_found, strict=True):
            error = style.error(statistic)
            terms["style"] = terms["style"] + style.weight * error
            name = f"style {style.sum.layer}"
            by_layer[name] = by_layer.get(name, zero) + error
        if self.weights.tv:
            terms["tv"] = tv_loss(shown, reduction="mean" if self.weights.mean_tv else "sum")
        return self.total(terms), {**terms, **by_layer}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of content, style and TV."""
        w = self.weights
        return w.content * terms["content"] + w.style * terms["style"] + w.tv * terms["tv"]
