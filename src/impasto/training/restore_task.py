"""Restoration in training: super-resolution at factor 1, and holes."""

from typing import Any, cast

import torch
from torch import Tensor

from impasto.data.degradations import to_8_bits
from impasto.media import psnr
from impasto.networks import LossNetwork
from impasto.training.restore_config import RestoreTrainingConfig
from impasto.training.restore_loss import HolesCriterion
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
