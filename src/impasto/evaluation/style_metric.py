"""Style and content distance by a loss network of one's choice: relative errors, to compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.losses import content_terms, gram_matrix, style_terms
from impasto.losses.gram import style_errors
from impasto.models import StyleModel
from impasto.networks import LossNetwork, load_loss_network
from impasto.optimization.layers import default_layers

# Genuine, complete networks: the authors' Caffe files if they are at hand, else torchvision's.
AUTO = ("squeezenet1_1-caffe", "squeezenet1_1", "googlenet-caffe", "alexnet")

Grams = dict[str, Tensor]  # layer -> (1, C, C)
Features = dict[str, Tensor]  # layer -> (1, C, h, w)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the metric sees of an image."""

    grams: Grams
    features: Features


class StyleMetric:
    """Style and content distances between images, by layers of a frozen loss network.

    Both are relative errors, the mean over their layers: 0 for equal, 1 for an empty picture. The
    style distance of a layer is |G - A|^2 / |A|^2 with the Gram matrices G of the image and A of
    the painting; the content distance |F - P|^2 / |P|^2 with the features F of the image and P of
    the photo. Raises OptionError for a layer that the network lacks.
    """

    def __init__(
        self,
        network: LossNetwork,
        *,
        style_layers: Sequence[str] = (),
        content_layers: Sequence[str] = (),
    ) -> None:
        self.network = network
        missing = [
            name for name in (*style_layers, *content_layers) if name not in network.layer_names
        ]
        if missing:
            raise OptionError(
                f"{network.name} has no layers {missing}; choose from {list(network.layer_names)}"
            )
        if not (style_layers and content_layers):
            found = default_layers(network, "best")
            style_layers = style_layers or tuple(found.style)
            content_layers = content_layers or tuple(found.content)
        self.style_layers, self.content_layers = tuple(style_layers), tuple(content_layers)

    @torch.no_grad()
    def look(self, image: Tensor) -> Look:
        """(1, 3, H, W) in [0, 1] -> its Gram matrices and content features, in float32."""
        names = list(dict.fromkeys([*self.style_layers, *self.content_layers]))
        found = self.network(image, names)
        return Look(
            grams={layer: gram_matrix(found[layer]) for layer in self.style_layers},
            features={layer: found[layer] for layer in self.content_layers},
        )

    def style_distance(self, image: Look, painting: Look) -> float:
        """From an image, of any size, to a painting."""
        errors = [
            float(term.error(image.grams[term.layer]))
            for term in style_terms(painting.grams, _equal(painting.grams), scale="relative")
        ]
        return sum(errors) / len(errors)

    def ranking_distance(self, image: Look, painting: Look) -> float:
        """|G - A|^2 / (|G|^2 + |A|^2), the mean over the layers: which painting is nearest?

        The relative error divides by the painting alone, so of several paintings it prefers one
        of strong features, whatever the image.
        """
        errors = [
            float(
                style_errors(image.grams[layer], target)
                / (image.grams[layer].square().sum() + target.square().sum())
            )
            for layer, target in painting.grams.items()
        ]
        return sum(errors) / len(errors)

    def content_distance(self, image: Look, photo: Look) -> float:
        """From an image to a photo of its size."""
        errors = [
            float(term.error(term.sums(image.features[term.layer])))
            for term in content_terms(photo.features, _equal(photo.features), scale="relative")
        ]
        return sum(errors) / len(errors)

    def to_json(self) -> dict[str, Any]:
        """What it is and of which weights, for results."""
        return {
            "loss_network": self.network.name,
            "loss_network_sha256": self.network.weights_hash,
            "style_layers": list(self.style_layers),
            "content_layers": list(self.content_layers),
        }


def _equal(layers: Mapping[str, Tensor]) -> dict[str, float]:
    return dict.fromkeys(layers, 1.0)


def load_metric_network(name: str = "auto", models: Sequence[StyleModel] = ()) -> LossNetwork:
    """A loss network by name or file; auto: the first of AUTO that `models` were not trained with.

    Raises WeightsError, for "auto" if none of them can be had.
    """
    if name != "auto":
        return load_loss_network(name)
    trained = {_architecture(part) for model in models for part in _trained_with(model)}
    candidates = [each for each in AUTO if _architecture(each) not in trained]
    for candidate in candidates[:-1]:
        try:
            return load_loss_network(candidate)
        except WeightsError:
            continue
    return load_loss_network((candidates or AUTO)[-1])


def _trained_with(model: StyleModel) -> list[str]:
    trained: Mapping[str, Any] = model.card.get("trained", {})
    return str(trained.get("loss_network", "")).split("+")


def _architecture(name: str) -> str:
    """Weights of one training, in another framework's format, see the same."""
    return name.removesuffix("-caffe")


def check_independent(network: LossNetwork, models: Sequence[StyleModel]) -> None:
    """Raise OptionError for a network that one of the styles was trained with.

    Such a style may have learnt to please that network: its distance would say less than it seems.
    """
    for model in models:
        trained: Mapping[str, Any] = model.card.get("trained", {})
        shared = set(_trained_with(model)) & set(network.name.split("+"))
        if shared or network.weights_hash == trained.get("loss_network_hash"):
            raise OptionError(
                f"{model.name!r} was trained with {'+'.join(sorted(shared)) or network.name!r}: "
                "a metric should be independent of the training; choose another `loss_network`, "
                "or `allow_training_network`"
            )
