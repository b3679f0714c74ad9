"""Train super-resolution: one factor, one network (paper, section 4.2)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from impasto.data.photo_store import PhotoStore, open_photo_store
from impasto.data.photos import find_photo_set
from impasto.machine.devices import choose_device
from impasto.networks import LossNetwork, load_loss_network
from impasto.training.checkpoint import load_checkpoint
from impasto.training.events import Download, OnEvent
from impasto.training.log import reporting
from impasto.training.loop import fit, loop_config
from impasto.training.provenance import check_same_run, common_provenance
from impasto.training.split import split_photos
from impasto.training.superres_config import SuperResTrainingConfig
from impasto.training.superres_loss import Criterion, SuperResCriterion
from impasto.training.superres_task import SuperResTask

AnyConfig = TypeVar("AnyConfig", bound=SuperResTrainingConfig)
MakeTask = Callable[
    [AnyConfig, Criterion, PhotoStore, Sequence[Path], torch.device, OnEvent], SuperResTask
]


def train_superres(config: SuperResTrainingConfig, on_event: OnEvent | None = None) -> Path:
    """Train as `config` says, or go on where a run in `config.output` stopped.

    Returns the path of the finished model. Everything is written below `config.output`:
    checkpoint.safetensors, log.jsonl, preview.png and previews/, model.safetensors; decoded photos
    are kept in the cache folder. Raises OptionError, ImageError, WeightsError, ModelError or
    TrainingError.
    """
    return train_on_pairs(config, SuperResCriterion, SuperResTask, on_event)


def train_on_pairs(
    config: AnyConfig,
    make_criterion: Callable[[AnyConfig, LossNetwork | None], Criterion],
    make_task: MakeTask[AnyConfig],
    on_event: OnEvent | None,
) -> Path:
    """Train with a loss and a task of one's own; see `train_superres`."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    checkpoint = load_checkpoint(config.output)
    paths, held_out = split_photos(config, find_photo_set(config.photos))
    loss_network = None
    if config.needs_loss_network:
        loss_network = load_loss_network(
            config.loss_network,
            family=config.loss_network_family or None,
            on_progress=None if on_event is None else lambda *counts: on_event(Download(*counts)),
        )
    criterion = make_criterion(config, loss_network).to(device)
    criterion = criterion.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    provenance = common_provenance(loss_network, paths)
    check_same_run(config, provenance, checkpoint)
    store = open_photo_store(paths, scales=config.scales, least_px=config.patch_px)
    with reporting(config, checkpoint, on_event) as report:
        task = make_task(config, criterion, store, held_out, device, report)
        fit(task, loop_config(config, device, provenance), report, checkpoint)
        return task.finish(provenance)
