"""The loss of filling holes: Liu et al., arXiv 1804.07723, with relative feature errors."""

from typing import cast

import torch
from torch import Tensor, nn

from impasto.losses import (
    LossNetwork,
    content_terms,
    errors_of,
    gram_matrix,
    hole_tv,
    style_terms,
)
from impasto.losses.terms import layer_weights
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
        twice = {name: features.repeat(2, 1, 1, 1) for name, features in wanted.items()}
        grams = {name: gram_matrix(wanted[name]).repeat(2, 1, 1) for name in self.style_layers}
        errors = errors_of(
            [
                *content_terms(twice, self.content_layers, scale="relative"),
                *style_terms(grams, self.style_layers, scale="relative"),
            ],
            found,
            outputs.new_zeros(()),
        )
        terms: dict[str, Tensor] = {}
        if self.content_layers:
            terms["content"] = 2 * errors.content
        if self.style_layers:
            terms["style"] = 2 * errors.style
        return terms
