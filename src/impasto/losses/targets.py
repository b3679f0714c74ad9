"""Targets that are computed once and kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.gram import gram_matrix
from impasto.losses.shapes import check_image
from impasto.losses.weights import check_weight


@contextmanager
def lasting(image: Tensor) -> Iterator[None]:
    """Make tensors for keeping: full precision, no graph, and usable in one made later."""
    device = image.device.type
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(device, enabled=False):
        yield


def style_targets(
    images: Tensor | Sequence[Tensor],
    weights: Sequence[float] | None,
    features_of: Callable[[Tensor], Mapping[str, Tensor]],
) -> dict[str, Tensor]:
    """Return layer -> (1, C, C), the weighted mean of the images' Gram matrices.

    `images` is a (K, 3, H, W) tensor in [0, 1] or a sequence of those, of any sizes; `weights` has
    one number for each image and is divided by its sum (None: all equal). Every image thus counts
    by its weight, however large it is. `features_of` runs the loss network on one image. Raises
    OptionError for other shapes, no image, or weights that do not fit.
    """
    batches = [images] if isinstance(images, Tensor) else list(images)
    for batch in batches:
        check_image(batch, "a style image")
        if not bool(torch.isfinite(batch).all()):
            raise OptionError("got a style image with NaN or infinity in it; wanted [0, 1]")
    singles = [batch[item : item + 1] for batch in batches for item in range(batch.shape[0])]
    targets: dict[str, Tensor] = {}
    for image, share in zip(singles, _shares(len(singles), weights), strict=True):
        with lasting(image):
            for layer, features in features_of(image).items():
                gram = share * gram_matrix(features)
                targets[layer] = targets[layer] + gram if layer in targets else gram
    return targets


def _shares(count: int, weights: Sequence[float] | None) -> list[float]:
    """Weights divided by their sum."""
    chosen = [1.0] * count if weights is None else [float(weight) for weight in weights]
    for weight in chosen:
        check_weight(weight, "the weight of a style image")
    if not count or len(chosen) != count or not sum(chosen) > 0:
        raise OptionError(
            f"got {count} style images and weights {weights}; wanted at least one image, a weight "
            "for each, and one of them above 0"
        )
    return [weight / sum(chosen) for weight in chosen]
