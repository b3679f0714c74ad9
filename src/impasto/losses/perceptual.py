"""The perceptual loss: a loss network, layers and weights composed into one criterion."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.losses.content import CONTENT_KINDS, ContentKind
from impasto.losses.pixel import PIXEL_KINDS, PixelKind, pixel_loss
from impasto.losses.regions import Region, mean_grams
from impasto.losses.shapes import accumulation_dtype, check_image, check_pair
from impasto.losses.terms import (
    LossNetwork,
    LossTerms,
    LossWeights,
    Scale,
    Term,
    content_terms,
    errors_of,
    lasting,
    style_terms,
)
from impasto.losses.total_variation import Reduction, TvKind, tv_loss
from impasto.networks import load_loss_network
from impasto.option_types import check_weight, layer_weights


class PerceptualLoss(nn.Module):
    """Weighted sum of content, style, total variation and pixel loss: two images -> scalar.

    In any training loop, for restoration (super-resolution, denoising ...):

        criterion = PerceptualLoss("vgg16", weights=LossWeights(style=0, tv=0, pixel=1))
        loss = criterion(network(low_res), high_res)
        loss.backward()

    and for style transfer, where the target is the photo itself:

        criterion = PerceptualLoss("vgg16", style_layers=["relu1_2", "relu2_2", "relu3_3"])
        criterion.set_style(painting)
        criterion(network(photo), photo).backward()

    `loss_network` is a name or file as for `load_loss_network`, or a module of your own, see
    `LossNetwork`. Images are (N, 3, H, W) RGB in [0, 1]. `content_layers` and `style_layers` are
    names, or a mapping name -> weight. `relative=False` is the paper's definition: eq. 2 and eq. 4
    summed over the layers, total variation summed over the image. `relative=True` divides each
    content layer's error by the mean square of the target's features (item by item), and each style
    layer's by the squared Frobenius norm of its target, and takes total variation in mean form:
    content and style are then relative errors, 0 for equal and 1 for an output of empty features,
    and a weight means the same for every painting and loss network. The divisors are constants (no
    gradient); an all-zero target is left undivided. `content="absolute"` takes the mean absolute
    difference of content features in place of eq. 2, relative to their mean size; `content="unit"`
    the distance of their directions (LPIPS without a head).

    The loss network is taken over: frozen, put in eval mode, and kept there. Targets are cached in
    buffers, moved by `.to()`, copied and pickled with the module, but not part of `state_dict()`.
    Under autocast the network runs in the lower precision; losses are computed in float32.
    Raises OptionError for an unknown layer, a bad layer weight, tv or pixel kind; WeightsError for
    a named loss network that cannot be had.
    """

    _content_image: Tensor | None

    def __init__(
        self,
        loss_network: nn.Module | str | Path,
        *,
        content_layers: Sequence[str] | Mapping[str, float] = ("relu2_2",),
        style_layers: Sequence[str] | Mapping[str, float] = (),
        weights: LossWeights | None = None,
        relative: bool = False,
        tv: TvKind = "squared",
        pixel: PixelKind = "squared",
        content: ContentKind = "squared",
    ) -> None:
        super().__init__()
        if isinstance(loss_network, str | Path):
            loss_network = load_loss_network(loss_network)
        if not isinstance(loss_network, nn.Module):
            raise OptionError(
                f"got {loss_network!r} for a loss network; wanted a name, a file or a module"
            )
        self.loss_network = loss_network.requires_grad_(False).eval()
        self.weights = LossWeights() if weights is None else weights
        self.content_layers = layer_weights(content_layers, "content")
        self.style_layers = layer_weights(style_layers, "style")
        known = tuple(cast(LossNetwork, self.loss_network).layer_names)
        for layer in (*self.content_layers, *self.style_layers):
            # "network/layer" picks one of combined networks, which checks such names itself.
            if layer not in known and "/" not in layer:
                raise OptionError(f"no layer {layer!r} in the loss network; choose from {known}")
        if tv not in ("squared", "isotropic") or pixel not in PIXEL_KINDS:
            raise OptionError(
                f"got tv {tv!r}, pixel {pixel!r}; choose tv from ['squared', 'isotropic'] and "
                f"pixel from {list(PIXEL_KINDS)}"
            )
        if content not in CONTENT_KINDS:
            raise OptionError(f"got content {content!r}; choose from {list(CONTENT_KINDS)}")
        self.content: ContentKind = content
        self.relative = relative
        self.tv: TvKind = tv
        self.pixel: PixelKind = pixel
        self.register_buffer("_content_image", None, persistent=False)

    def train(self, mode: bool = True) -> "PerceptualLoss":
        """Switch the mode as usual, but keep the loss network in eval mode."""
        super().train(mode)
        self.loss_network.eval()
        return self

    def set_style(
        self, images: Tensor | Sequence[Tensor], weights: Sequence[float] | None = None
    ) -> None:
        """Cache the Gram targets of one or several style images, replacing earlier ones.

        `images` is a (K, 3, H, W) tensor in [0, 1], or a sequence of those, which may differ in
        size. Several images make one target: the mean of their Gram matrices, weighted by
        `weights` (one for each image, divided by their sum; equal if None). So every image counts
        by its weight, however large it is. Computed without autocast. Raises OptionError for
        another shape, no image, weights that do not fit, or a loss without style layers.
        """
        if not self.style_layers:
            raise OptionError("got style images, but this loss has no style_layers; name some")
        regions = _regions(images, weights)
        network = cast(LossNetwork, self.loss_network)
        self._cache("style", mean_grams(network, regions, list(self.style_layers)))

    @property
    def style_target(self) -> dict[str, Tensor]:
        """The cached (1, C, C) Gram target of each style layer; empty before `set_style`."""
        return self._cached("style", self.style_layers)

    def set_content(self, target: Tensor) -> None:
        """Cache the target, (N or 1, 3, H, W) in [0, 1], for calls that give none.

        For optimising pixels against one target: its features are then computed once. Raises
        OptionError for another shape.
        """
        check_image(target, "a content target")
        with lasting(target):
            self._cache("content", self._features(target, self.content_layers))
            self._content_image = target.detach().clone()

    def terms(self, output: Tensor, target: Tensor | None = None) -> LossTerms:
        """Unweighted terms for two (N, 3, H, W) images in [0, 1]; the target gets no gradient.

        `target` may have a batch of one, and may be left out after `set_content`. It is not used
        if neither content nor pixel has a weight. Raises OptionError for other shapes, sizes that
        differ, a missing target, or style layers without `set_style`.
        """
        check_image(output, "an output")
        scale: Scale = "relative" if self.relative else "absolute"
        content_layers = self.content_layers if self.weights.content else {}
        style_layers = self.style_layers if self.weights.style else {}
        wanted: list[Term] = []
        if style_layers:
            if not (target_grams := self.style_target):
                raise OptionError(
                    f"style layers {list(style_layers)} have no target; call set_style(images) "
                    "first, or give no style_layers, or a style weight of 0"
                )
            wanted += style_terms(target_grams, style_layers, scale=scale)
        wants_target = bool(content_layers) or self.weights.pixel > 0
        reference = self._reference(output, target) if wants_target else output
        with torch.no_grad():
            content_target = (
                self._cached("content", content_layers)
                if target is None
                else self._features(target, content_layers)
            )
        wanted += content_terms(content_target, content_layers, scale=scale, kind=self.content)
        # One pass for both: a layer asked for twice is computed once.
        features = self._features(output, [*content_layers, *style_layers])
        zero = output.new_zeros((), dtype=accumulation_dtype(output))
        terms = errors_of(wanted, features, zero)
        if self.weights.tv:
            reduction: Reduction = "mean" if self.relative else "sum"
            terms = terms._replace(tv=tv_loss(output, kind=self.tv, reduction=reduction))
        if self.weights.pixel:
            terms = terms._replace(pixel=pixel_loss(output, reference, kind=self.pixel))
        return terms

    def total(self, terms: LossTerms) -> Tensor:
        """Return the weighted sum of the terms, a scalar."""
        return self.weights.total(terms)

    def forward(self, output: Tensor, target: Tensor | None = None) -> Tensor:
        """Return `total(terms(output, target))`, a scalar; shapes and errors as for `terms`."""
        return self.total(self.terms(output, target))

    def _reference(self, output: Tensor, target: Tensor | None) -> Tensor:
        """The target image, given or cached, of a shape that fits the output's."""
        target = self._content_image if target is None else target
        if target is None:
            raise OptionError("got no target; pass one, or call set_content(target) first")
        check_pair(output, target, "an output")
        return target

    def _features(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        names = list(dict.fromkeys(layers))
        return cast(LossNetwork, self.loss_network)(image, names) if names else {}

    def _cache(self, kind: str, tensors: dict[str, Tensor]) -> None:
        # Numbered, because a buffer's name must not hold a dot and a layer's may.
        for number, tensor in enumerate(tensors.values()):
            self.register_buffer(f"_{kind}_{number}", tensor.detach(), persistent=False)

    def _cached(self, kind: str, layers: Mapping[str, float]) -> dict[str, Tensor]:
        named = {k: getattr(self, f"_{kind}_{i}", None) for i, k in enumerate(layers)}
        return {layer: tensor for layer, tensor in named.items() if tensor is not None}


def _regions(images: Tensor | Sequence[Tensor], weights: Sequence[float] | None) -> list[Region]:
    """Each image of the batches with its weight; raises OptionError as `set_style` says."""
    batches = [images] if isinstance(images, Tensor) else list(images)
    for batch in batches:
        check_image(batch, "a style image")
        if not bool(torch.isfinite(batch).all()):
            raise OptionError("got a style image with NaN or infinity in it; wanted [0, 1]")
    singles = [batch[item : item + 1] for batch in batches for item in range(batch.shape[0])]
    chosen = [1.0] * len(singles) if weights is None else [float(weight) for weight in weights]
    for weight in chosen:
        check_weight(weight, "the weight of a style image")
    if not singles or len(chosen) != len(singles) or not sum(chosen) > 0:
        raise OptionError(
            f"got {len(singles)} style images and weights {weights}; wanted at least one image, a "
            "weight for each, and one of them above 0"
        )
    return [Region(style=i, weight=weight) for i, weight in zip(singles, chosen, strict=True)]
