"""Train restoration: denoising, colourisation, deblocking, deblurring and filling of holes.

The paper's introduction names these transformations; each is the same training with another
degradation.
"""

from pathlib import Path

from impasto.training.events import OnEvent
from impasto.training.restore_config import HOLES, RestoreTrainingConfig
from impasto.training.restore_loss import HolesCriterion
from impasto.training.restore_task import HolesTask, RestoreTask
from impasto.training.superres import train_on_pairs
from impasto.training.superres_loss import SuperResCriterion


def train_restore(config: RestoreTrainingConfig, on_event: OnEvent | None = None) -> Path:
    """Train as `config` says, or go on where a run in `config.output` stopped.

    Returns the path of the finished model; writes and raises what `train_superres` does.
    """
    if config.degradation == HOLES:
        return train_on_pairs(config, HolesCriterion, HolesTask, on_event)
    return train_on_pairs(config, SuperResCriterion, RestoreTask, on_event)
