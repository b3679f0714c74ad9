"""Train a decoder from a layer's features back to the image (Dosovitskiy & Brox 2016)."""

from pathlib import Path
from typing import Any

import torch

from impasto.data.photos import find_photos
from impasto.errors import OptionError
from impasto.machine.devices import choose_device
from impasto.networks import load_loss_network
from impasto.networks.inversion import layer_geometry
from impasto.networks.inversion_config import InversionConfig
from impasto.training.checkpoint import load_checkpoint
from impasto.training.events import Download, OnEvent, Validated
from impasto.training.inversion_config import InversionTrainingConfig
from impasto.training.inversion_task import InversionTask
from impasto.training.log import reporting
from impasto.training.loop import fit, loop_config
from impasto.training.provenance import check_same_run, common_provenance
from impasto.training.split import split_photos

# Options that the card of a model repeats.
TOLD = (
    "content_weight", "pixel_weight", "tv_weight", "grid_weight", "shift_px", "crop_px", "zoom",
    "iterations", "batch_size", "optimizer", "learning_rate", "schedule", "seed",
)  # fmt: skip


def train_inversion(config: InversionTrainingConfig, on_event: OnEvent | None = None) -> Path:
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
    paths, held_out = split_photos(config, find_photos(config.photos))
    loss_network = load_loss_network(
        config.loss_network,
        family=config.loss_network_family or None,
        on_progress=None if on_event is None else lambda *counts: on_event(Download(*counts)),
    )
    channels, stride = layer_geometry(loss_network, config.layer)
    if config.crop_px % stride or config.crop_px < 2 * stride:
        raise OptionError(
            f"--crop {config.crop_px}: {config.layer} has a sample for each {stride} px; wanted a "
            f"multiple of that, {2 * stride} or more"
        )
    network = InversionConfig(
        loss_network=config.loss_network,
        weights_hash=loss_network.weights_hash,
        layer=config.layer,
        channels=channels,
        stride=stride,
        width=config.width,
        blocks=config.blocks,
    )
    provenance = common_provenance(loss_network, paths, config.photos)
    check_same_run(config, provenance, checkpoint)
    loss_network = loss_network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with reporting(config, checkpoint, on_event) as report:
        task = InversionTask(config, network, loss_network, paths, held_out, device, report)
        fit(task, loop_config(config, device, provenance), report, checkpoint)
        return task.finish(lambda objective: inversion_card(config, provenance, objective))


def inversion_card(
    config: InversionTrainingConfig, provenance: dict[str, Any], objective: Validated | None
) -> dict[str, Any]:
    """What a decoder says of itself."""
    told = {name: getattr(config, name) for name in TOLD}
    card: dict[str, Any] = {
        "name": config.name or f"inversion-{config.layer.replace('/', '-')}",
        "licence": config.licence,
        "trained": {**provenance, **told},
    }
    if objective is not None:
        card["objective"] = {"output": objective.terms, "mean_color": objective.untouched}
    return card
