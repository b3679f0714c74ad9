"""The loss of a super-resolution run: named terms, weighted in one line."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.losses import LossWeights, PerceptualLoss, detail_loss, grid_loss, pixel_loss, tv_loss
from impasto.networks import LossNetwork
from impasto.training.superres_config import SuperResTrainingConfig


class Criterion(nn.Module):
    """A run's loss: `term_weights` says how much each named term counts."""

    term_weights: dict[str, float]

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        weights = self.term_weights
        return torch.stack([weights[name] * term.float() for name, term in terms.items()]).sum()


class SuperResCriterion(Criterion):
    """Pixel, feature reconstruction, unit feature, total variation, grid and detail terms.

    Only terms with a weight are computed. `loss_network` may be None if none of them needs one.
    """

    def __init__(
        self, config: SuperResTrainingConfig, loss_network: LossNetwork | None = None
    ) -> None:
        super().__init__()
        self.weights = config.loss_weights
        self.term_weights = {
            "pixel": self.weights.pixel,
            "content": self.weights.content,
            "unit_feature": config.unit_feature_weight,
            "tv": self.weights.tv,
            "grid": config.grid_weight,
            "detail": config.detail_weight,
        }
        self.factor = config.factor
        self.feature_reduce = config.feature_reduce
        self.pixel = config.pixel
        self.features = None
        self.unit_features = None
        if self.weights.content:
            self.features = PerceptualLoss(
                cast(nn.Module, loss_network),
                content_layers=config.content_layers,
                weights=LossWeights(style=0, tv=0),
                relative=config.relative,
                content=config.content,
            )
        if config.unit_feature_weight:
            self.unit_features = PerceptualLoss(
                cast(nn.Module, loss_network),
                content_layers=config.unit_feature_layers,
                weights=LossWeights(style=0, tv=0),
                content="unit",
            )

    def terms(self, output: Tensor, target: Tensor, *, shift_px: int = 0) -> dict[str, Tensor]:
        """Unweighted terms of two (N, 3, H, W) images; those without a weight are left out.

        All that look at features or single pixels see them `shifted`.
        """
        terms: dict[str, Tensor] = {}
        if self.term_weights["grid"]:
            terms["grid"] = grid_loss(output, target, factor=self.factor)
        if self.term_weights["detail"]:
            terms["detail"] = detail_loss(output, target)
        output, target = shifted(output, target, shift_px)
        if self.weights.pixel:
            terms["pixel"] = pixel_loss(output, target, kind=self.pixel)
        if self.features is not None:
            terms["content"] = self.features.terms(
                reduced(output, self.feature_reduce), reduced(target, self.feature_reduce)
            ).content
        if self.unit_features is not None:
            terms["unit_feature"] = self.unit_features.terms(output, target).content
        if self.weights.tv:
            terms["tv"] = tv_loss(output, reduction="mean")
        return terms


def reduced(image: Tensor, by: int) -> Tensor:
    """Means of `by` x `by` pixels; what is left over below and on the right is cut off."""
    return image if by == 1 else F.avg_pool2d(image.float(), by)


def shifted(output: Tensor, target: Tensor, shift_px: int) -> tuple[Tensor, Tensor]:
    """Both images cut off above and on the left by the same random 0 ... `shift_px` pixels.

    The pooling of a loss network looks at blocks of pixels. If they always lay in the same place
    on the blocks that a low-resolution sample becomes, the network would learn their grid.
    """
    if not shift_px:
        return output, target
    top, left = torch.randint(0, shift_px + 1, (2,)).tolist()
    return output[..., top:, left:], target[..., top:, left:]
