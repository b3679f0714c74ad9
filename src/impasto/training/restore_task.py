"""Restoration as the training loop sees it: super-resolution at factor 1, and holes."""

from typing import Any

import torch
from torch import Tensor

from impasto.data.degradations import to_8_bits
from impasto.media import psnr
from impasto.training.events import Validated
from impasto.training.provenance import superres_card
from impasto.training.restore_config import RestoreTrainingConfig
from impasto.training.restore_loss import HolesCriterion
from impasto.training.superres_loss import shifted
from impasto.training.superres_task import SuperResTask

# A picture that comes back whole, as a grey one from `gray`, has no finite PSNR.
GREATEST_PSNR = 100.0


class RestoreTask(SuperResTask):
    """A network that repairs a picture at its own size; `psnr` is that of RGB in 8 bits."""

    config: RestoreTrainingConfig

    def _psnr(self, result: Tensor, high_res: Tensor) -> float:
        score = psnr(to_8_bits(result), high_res, data_range=1.0)
        return min(float(score), GREATEST_PSNR)

    def _card(self, provenance: dict[str, Any], objective: Validated | None) -> dict[str, Any]:
        config = self.config
        card = superres_card(config, provenance, None)
        card["name"] = config.name or f"restore-{config.degradation}"
        card["trained"]["degradation"] = repr(self.degradation)
        if objective is not None:
            card["objective"] = {"output": objective.terms, "input": objective.untouched}
        return card


class HolesTask(RestoreTask):
    """A network that fills holes: what is known of a picture is kept as it is."""

    criterion: HolesCriterion

    def _terms(
        self, output: Tensor, low_res: Tensor, high_res: Tensor, *, shift_px: int = 0
    ) -> dict[str, Tensor]:
        hole = low_res[:, 3:]
        seen, target = shifted(torch.cat([output, hole.to(output)], dim=1), high_res, shift_px)
        return self.criterion.terms(seen[:, :3], target, seen[:, 3:].float())

    def _finished(self, output: Tensor, low_res: Tensor) -> Tensor:
        hole = low_res[:, 3:]
        return (hole * output.clamp(0, 1) + (1 - hole) * low_res[:, :3]).clamp(0, 1)
