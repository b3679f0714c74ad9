"""The algebra of losses: terms over the features of a loss network, summed by layer, then weighted.

A term compares one layer of an image with a fixed target. What it needs to know of the features is
a sum over their positions (`sums`), and its error a function of that sum alone (`error`). So whole
pictures, strips of large ones (`impasto.losses.strips`) and regions (`impasto.losses.regions`) all
go by the same terms, in training, optimisation and evaluation. Equations 2 and 4 and Gatys' forms
are one error each, divided by another number (`Scale`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from impasto.losses.content import (
    ContentKind,
    absolute_content_errors,
    content_errors,
    mean_squares,
    unit_feature_errors,
)
from impasto.losses.gram import guided_gram, style_errors
from impasto.losses.shapes import accumulation_dtype
from impasto.option_types import check_weight

# absolute: the paper's eq. 2 and 4. relative: divided by the target's own size, so that 0 is a
# perfect match and 1 an empty picture. gatys: of Gatys et al., arXiv 1508.06576, half the sum of
# (F - P)^2, and E_l = sum of (G - A)^2 / (4 C^2 (H*W)^2) with their unnormalised Gram matrices.
Scale = Literal["absolute", "relative", "gatys"]
# A target whose squared size is below this is taken as empty, and its error is left undivided.
EMPTY_TARGET = 1e-12
ERRORS: dict[ContentKind, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": content_errors,
    "absolute": absolute_content_errors,
    "unit": unit_feature_errors,
}


class LossNetwork(Protocol):
    """What a loss network must do; it must also be an nn.Module."""

    layer_names: tuple[str, ...]

    def __call__(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """(N, 3, H, W) RGB in [0, 1] -> {layer: (N, C, h, w)}, no deeper than asked."""
        ...


class ContentTerm(NamedTuple):
    """Feature reconstruction at one layer, against a target (N or 1, C, h, w)."""

    layer: str
    target: Tensor
    divisor: Tensor | float = 1.0  # (N or 1,)
    weight: float = 1.0
    kind: ContentKind = "squared"

    def sums(self, features: Tensor, whole: slice | None = None) -> Tensor:
        """(N, C, h, w) -> (N,): the mean error, or what the target's rows `whole` add to it."""
        errors = ERRORS[self.kind]
        if whole is None:
            return errors(features, self.target)
        share = (whole.stop - whole.start) / self.target.shape[2]
        part: Tensor = errors(features, self.target[:, :, whole]) * share
        return part

    def error(self, sums: Tensor) -> Tensor:
        """(N,) -> scalar >= 0."""
        return (sums / self.divisor).mean()


class StyleTerm(NamedTuple):
    """Style reconstruction at one layer, against eq. 3's Gram matrices (N or 1, C, C).

    guide: the root of a region's coverage, (1, 1, h, w). positions: over how many positions the
    Gram matrix goes; None: all of the features'.
    """

    layer: str
    target: Tensor
    divisor: Tensor | float = 1.0  # (N or 1,)
    weight: float = 1.0
    guide: Tensor | None = None
    positions: float | None = None

    def sums(self, features: Tensor, whole: slice | None = None) -> Tensor:
        """(N, C, h, w) -> (N, C, C): the Gram matrix, or what the rows `whole` add to it."""
        guide = self.guide
        if guide is not None and whole is not None:
            guide = guide[:, :, whole]
        return guided_gram(features, guide, self.positions)

    def error(self, sums: Tensor) -> Tensor:
        """(N, C, C) -> scalar >= 0."""
        return (style_errors(sums, self.target) / self.divisor).mean()


Term = ContentTerm | StyleTerm


def content_terms(
    targets: Mapping[str, Tensor],
    layers: Mapping[str, float],
    *,
    scale: Scale = "absolute",
    kind: ContentKind = "squared",
) -> list[ContentTerm]:
    """A term for each of `layers` (layer -> weight) with the target's features (N or 1, C, h, w).

    Gatys' scale makes of the mean error half the sum: its divisor is 2 / (C h w).
    """
    return [
        ContentTerm(layer, targets[layer], _content_divisor(targets[layer], scale, kind), w, kind)
        for layer, w in layers.items()
    ]


def style_terms(
    grams: Mapping[str, Tensor], layers: Mapping[str, float], *, scale: Scale = "absolute"
) -> list[StyleTerm]:
    """A term for each of `layers` (layer -> weight) with the Gram targets (N or 1, C, C) of eq. 3.

    Gatys' matrices are C h w times those, so his E_l is a quarter of eq. 4. The equation knows one
    number of positions; a painting's matrix is brought to the output's by eq. 3's own division.
    """
    return [
        StyleTerm(layer, grams[layer], style_divisor(grams[layer], scale), weight)
        for layer, weight in layers.items()
    ]


def _content_divisor(target: Tensor, scale: Scale, kind: ContentKind) -> Tensor | float:
    if scale == "absolute" or kind == "unit":  # of length 1 anyway
        return 1.0
    if scale == "gatys":
        return 2 / target[0].numel()
    if kind == "squared":
        return _unless_empty(mean_squares(target))
    sizes = target.detach().to(accumulation_dtype(target)).abs()
    return _unless_empty(sizes.mean(dim=(1, 2, 3)))


def style_divisor(gram: Tensor, scale: Scale) -> Tensor | float:
    """What eq. 4 is divided by: (N, C, C) -> (N,), or a number."""
    if scale == "relative":
        return _unless_empty(gram.square().sum(dim=(1, 2)))
    return 4.0 if scale == "gatys" else 1.0


def _unless_empty(squared_size: Tensor) -> Tensor:
    return torch.where(squared_size > EMPTY_TARGET, squared_size, 1.0)


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

    def named(self) -> dict[str, Tensor]:
        """ "content", "style" and "tv", and each layer's own as "style LAYER": for reports."""
        by_layer = {f"style {layer}": loss for layer, loss in self.style_by_layer.items()}
        return {"content": self.content, "style": self.style, "tv": self.tv, **by_layer}


def gather(terms: Sequence[Term], sums: Sequence[Tensor], zero: Tensor) -> LossTerms:
    """The terms' errors, added up by kind and by layer; TV and pixel stay `zero`, a scalar.

    A layer's own loss is the sum over its regions, without their weights.
    """
    content = style = zero
    content_by_layer: dict[str, Tensor] = {}
    style_by_layer: dict[str, Tensor] = {}
    for term, found in zip(terms, sums, strict=True):
        error = term.error(found)
        if isinstance(term, ContentTerm):
            content = content + term.weight * error
            content_by_layer[term.layer] = error
        else:
            style = style + term.weight * error
            before = style_by_layer.get(term.layer)
            style_by_layer[term.layer] = error if before is None else before + error
    return LossTerms(content, style, zero, zero, content_by_layer, style_by_layer)


def errors_of(terms: Sequence[Term], features: Mapping[str, Tensor], zero: Tensor) -> LossTerms:
    """`gather` for features (N, C, h, w) of the whole image."""
    return gather(terms, [term.sums(features[term.layer]) for term in terms], zero)


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """One finite weight >= 0 for each term; a term of weight 0 is not computed.

    The defaults are the numbers of the authors' code (the paper gives none), and the scales there
    differ from the paper's equations, which this package follows on images in [0, 1]:

    - style: their code averages the squared Gram difference over its C*C entries; eq. 4 sums.
      Their 5 is 5 / C^2 on a layer of C channels of the absolute (`relative=False`) style loss.
    - tv: their 1e-6 acts on pixels in 0...255. On the absolute term here, the sum of squared
      differences of [0, 1] pixels, it amounts to 1e-6 / 2 * 255^2 = 0.033 times the batch size
      (see `squared_tv`). The relative form takes the mean over C*H*W instead: a tv weight of
      1 there is one of 1 / (C*H*W) on the sum.
    - content, pixel: the same as theirs, apart from the pixels' range (0...255 there).

    With `PerceptualLoss(relative=True)` content and style are dimensionless, and a style weight
    of 2 is a place to start. Gatys et al. call the weights of content and style alpha and beta.
    Raises OptionError for a negative, infinite or NaN weight.
    """

    content: float = 1.0
    style: float = 5.0
    tv: float = 1e-6
    pixel: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_weight(getattr(self, field.name), f"the {field.name} weight")

    def total(self, t: LossTerms) -> Tensor:
        """The weighted sum of the terms, a scalar."""
        return (
            self.content * t.content + self.style * t.style + self.tv * t.tv + self.pixel * t.pixel
        )


@contextmanager
def lasting(image: Tensor) -> Iterator[None]:
    """Make tensors for keeping: full precision, no graph, and usable in one made later."""
    device = image.device.type
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(device, enabled=False):
        yield
