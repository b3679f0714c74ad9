"""The loss of filling holes: Liu et al., arXiv 1804.07723, with relative feature errors."""

from typing import cast

import torch
from torch import Tensor, nn

from impasto.losses import LossNetwork, gram_matrix, hole_tv
from impasto.losses.content import content_errors, mean_squares
from impasto.losses.perceptual import EMPTY_TARGET
from impasto.losses.style import style_errors
from impasto.losses.terms import sum_layers
from impasto.losses.weights import layer_weights
from impasto.training.restore_config import RestoreTrainingConfig
from impasto.training.superres_loss import Criterion


class HolesCriterion(Criterion):
    """Errors of known and of missing pixels, feature and style errors, and total variation.

    valid: mean of |output - target| over all values, counted where the picture is known; hole:
    the same where it is missing. content and style are of the output **and** of the composite
    (the target with the output in its holes), added up, each relative to the target's own, as in
    PerceptualLoss(relative=True); the style target of a picture is that picture, whole. tv is
    `hole_tv`. The article takes absolute feature errors; its weights are converted in
    `restore_options`. Only terms with a weight are computed.
    """

    def __init__(self, config: RestoreTrainingConfig, loss_network: nn.Module | None) -> None:
        super().__init__()
        weights = config.loss_weights
        self.term_weights = {
            "valid": weights.pixel,
            "hole": weights.pixel * config.hole_weight,
            "content": weights.content,
            "style": weights.style,
            "tv": weights.tv,
        }
        self.content_layers = layer_weights(
            config.content_layers if weights.content else {}, "content"
        )
        self.style_layers = layer_weights(config.style_layers if weights.style else {}, "style")
        self.loss_network = loss_network
        if loss_network is not None:
            loss_network.requires_grad_(False).eval()

    def terms(self, output: Tensor, target: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Unweighted terms of two (N, 3, H, W) images; `hole` (N, 1, H, W), 1 where missing."""
        output = output.float()
        composite = hole * output + (1 - hole) * target
        error = (output - target).abs()
        terms: dict[str, Tensor] = {}
        if self.term_weights["valid"]:
            terms["valid"] = ((1 - hole) * error).mean()
            terms["hole"] = (hole * error).mean()
        if self.content_layers or self.style_layers:
            terms |= self._feature_terms(torch.cat([output, composite]), target)
        if self.term_weights["tv"]:
            terms["tv"] = hole_tv(output, target, hole)
        return terms

    def _feature_terms(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Of (2 N, 3, H, W), outputs before composites: each kind's mean, the two added up."""
        network = cast(LossNetwork, self.loss_network)
        layers = list(dict.fromkeys([*self.content_layers, *self.style_layers]))
        found = network(outputs, layers)
        with torch.no_grad():
            wanted = network(target, layers)
        content = {
            name: 2 * _relative_content(found[name], wanted[name]) for name in self.content_layers
        }
        style = {name: 2 * _relative_style(found[name], wanted[name]) for name in self.style_layers}
        terms: dict[str, Tensor] = {}
        zero = outputs.new_zeros(())
        if content:
            terms["content"] = sum_layers(self.content_layers, content, zero)
        if style:
            terms["style"] = sum_layers(self.style_layers, style, zero)
        return terms


def _relative_content(features: Tensor, target: Tensor) -> Tensor:
    divisor = mean_squares(target)
    errors = content_errors(features, target.repeat(2, 1, 1, 1))
    return (errors / _filled(divisor).repeat(2)).mean()


def _relative_style(features: Tensor, target: Tensor) -> Tensor:
    gram = gram_matrix(target)
    divisor = gram.square().sum(dim=(1, 2))
    errors = style_errors(gram_matrix(features), gram.repeat(2, 1, 1))
    return (errors / _filled(divisor).repeat(2)).mean()


def _filled(divisor: Tensor) -> Tensor:
    return torch.where(divisor > EMPTY_TARGET, divisor, 1.0)
