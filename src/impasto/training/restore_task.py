"""Restoration in training: super-resolution at factor 1, and holes with a loss of their own.

That loss is the one of Liu et al., arXiv 1804.07723, with relative feature errors.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.data.degradations import to_8_bits
from impasto.losses import content_terms, errors_of, gram_matrix, hole_tv, style_terms
from impasto.media import psnr
from impasto.networks import LossNetwork
from impasto.option_types import layer_weights
from impasto.training.restore_config import RestoreTrainingConfig
from impasto.training.superres_loss import Criterion, shifted
from impasto.training.superres_task import SuperResTask

# A picture that comes back whole, as a grey one from `gray`, has no finite PSNR.
GREATEST_PSNR = 100.0


class RestoreTask(SuperResTask[RestoreTrainingConfig]):
    """A network that repairs a picture at its own size."""

    untouched_name = "input"

    def psnr(self, result: Tensor, high_res: Tensor) -> float:
        """That of RGB in 8 bits."""
        score = psnr(to_8_bits(result), high_res, data_range=1.0)
        return min(float(score), GREATEST_PSNR)

    def card(self) -> dict[str, Any]:
        card = super().card()
        card["name"] = self.config.name or f"restore-{self.config.degradation}"
        card["trained"]["degradation"] = repr(self.degradation)
        return card


class HolesCriterion(Criterion):
    """Errors of known and of missing pixels, feature and style errors, and total variation.

    valid: mean of |output - target| over all values, counted where the picture is known; hole:
    the same where it is missing. content and style are of the output **and** of the composite
    (the target with the output in its holes), added up, each relative to the target's own, as in
    PerceptualLoss(relative=True); the style target of a picture is that picture, whole. tv is
    `hole_tv`. The article takes absolute feature errors; its weights are converted in
    `RestoreTrainingConfig`. Only terms with a weight are computed.
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


class HolesTask(RestoreTask):
    """A network that fills holes: what is known of a picture is kept as it is."""

    def make_criterion(
        self, config: RestoreTrainingConfig, loss_network: LossNetwork | None
    ) -> Criterion:
        return HolesCriterion(config, loss_network)

    def terms(
        self, output: Tensor, low_res: Tensor, high_res: Tensor, *, shift_px: int = 0
    ) -> dict[str, Tensor]:
        hole = low_res[:, 3:]
        seen, target = shifted(torch.cat([output, hole.to(output)], dim=1), high_res, shift_px)
        criterion = cast(HolesCriterion, self.criterion)
        return criterion.terms(seen[:, :3], target, seen[:, 3:].float())

    def finished(self, output: Tensor, low_res: Tensor) -> Tensor:
        hole = low_res[:, 3:]
        return (hole * output.clamp(0, 1) + (1 - hole) * low_res[:, :3]).clamp(0, 1)
