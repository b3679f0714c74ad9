"""Train a style: one painting, one network (paper, section 3)."""

from dataclasses import replace
from pathlib import Path

import torch

from impasto.data.photos import find_photos
from impasto.machine.devices import choose_device
from impasto.networks import load_loss_network
from impasto.training.checkpoint import load_checkpoint
from impasto.training.config import StyleTrainingConfig
from impasto.training.events import Download, OnEvent
from impasto.training.log import reporting
from impasto.training.loop import fit, loop_config
from impasto.training.provenance import check_same_run, run_provenance
from impasto.training.split import split_photos
from impasto.training.style_task import StyleTask, style_criterion


def train_style(config: StyleTrainingConfig, on_event: OnEvent | None = None) -> Path:
    """Train as `config` says, or go on where a run in `config.output` stopped.

    Returns the path of the finished model. Everything is written below `config.output`:
    checkpoint.safetensors, log.jsonl, preview.png and previews/, model.safetensors. Raises
    OptionError, ImageError, WeightsError, ModelError or TrainingError.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    checkpoint = load_checkpoint(config.output)
    found = find_photos(config.photos)
    paths, held_out = split_photos(config, found)
    if config.epochs:
        steps = max(1, round(config.epochs * len(paths) / config.batch_size))
        config = replace(config, iterations=steps, epochs=0.0)
    loss_network = load_loss_network(
        config.loss_network,
        family=config.loss_network_family or None,
        on_progress=None if on_event is None else lambda *counts: on_event(Download(*counts)),
    )
    criterion = style_criterion(config, loss_network, device)
    provenance = run_provenance(config, loss_network, paths)
    check_same_run(config, provenance, checkpoint)
    with reporting(config, checkpoint, on_event) as report:
        task = StyleTask(config, criterion, paths, held_out, device, report)
        fit(task, loop_config(config, device, provenance), report, checkpoint)
        return task.finish(provenance)
