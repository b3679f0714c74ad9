"""The losses of Gatys, Ecker and Bethge (arXiv 1508.06576), in their own scales."""

from collections.abc import Mapping

from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.content import content_errors
from impasto.losses.gram import scaled_gram
from impasto.losses.shapes import feature_shape
from impasto.losses.style import style_errors
from impasto.losses.weights import check_weight


def gatys_content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Half the sum of (F - P)^2: two (N, C, H, W) maps -> scalar >= 0, mean over the batch.

    C*H*W / 2 times `content_loss`; raises as it does.
    """
    _, channels, height, width = feature_shape(features)
    return content_errors(features, target).mean() * (channels * height * width / 2)


def gatys_gram_matrix(features: Tensor) -> Tensor:
    """G = F F^T, not normalised, F being C x (H*W): (N, C, H, W) -> (N, C, C).

    C*H*W times `gram_matrix`; precision and errors as there.
    """
    feature_shape(features)
    return scaled_gram(features, 1.0)


def gatys_layer_style_loss(
    features: Tensor, target: Tensor, *, target_hw: tuple[int, int] | None = None
) -> Tensor:
    """E_l = sum of (G - A)^2 / (4 C^2 (H*W)^2): (N, C, H, W), (N or 1, C, C) -> scalar >= 0.

    `target` is A, the style image's `gatys_gram_matrix`. (Their N is our C, their M our H*W.) The
    equation knows one M, so the style image should have the features' size; if its features were
    `target_hw` instead, A is scaled to as many positions as the output has. Mean over the batch.
    Raises OptionError if the shapes do not fit or `target_hw` is not positive.
    """
    _, channels, height, width = feature_shape(features)
    if target_hw is not None:
        if min(target_hw) < 1:
            raise OptionError(f"got target_hw {target_hw}; wanted two numbers, 1 or above")
        target = target * (height * width / (target_hw[0] * target_hw[1]))
    errors = style_errors(gatys_gram_matrix(features), target)
    return errors.mean() / (4 * channels**2 * (height * width) ** 2)


def gatys_style_loss(
    features: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    *,
    layer_weights: Mapping[str, float] | None = None,
) -> Tensor:
    """L_style = sum over the layers of w_l E_l: {layer: (N, C, H, W)}, {layer: A} -> scalar >= 0.

    `layer_weights` defaults to one divided by the number of layers, as in the paper's examples.
    Every layer of `targets` counts. Raises OptionError for no layers, a layer that `features` or
    `layer_weights` lacks, a negative weight, or shapes that do not fit.
    """
    if not targets:
        raise OptionError("got no style targets; wanted {layer: gatys_gram_matrix(features)}")
    weights = layer_weights or dict.fromkeys(targets, 1 / len(targets))
    for layer in targets:
        if layer not in features or layer not in weights:
            raise OptionError(
                f"no features or no weight for style layer {layer!r}; got features of "
                f"{list(features)} and weights of {list(weights)}"
            )
        check_weight(weights[layer], f"the weight of style layer {layer!r}")
    losses = [
        weights[layer] * gatys_layer_style_loss(features[layer], target)
        for layer, target in targets.items()
    ]
    return sum(losses[1:], start=losses[0])


def gatys_total(content: Tensor, style: Tensor, *, alpha: float, beta: float) -> Tensor:
    """L_total = alpha * content + beta * style (their content and style weights): -> scalar.

    The paper gives alpha / beta as 1e-3 or 1e-4, on pixels of 0...255. Raises OptionError for a
    negative weight.
    """
    check_weight(alpha, "alpha (the content weight)")
    check_weight(beta, "beta (the style weight)")
    return alpha * content + beta * style
