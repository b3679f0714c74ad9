"""One training run, whatever is trained: everything around a Task stands here once."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto.data.photos import find_photo_set, find_photos
from impasto.errors import TrainingError
from impasto.events import CancelToken, OnEvent, Progress, ignore
from impasto.machine.devices import choose_device
from impasto.networks import LossNetwork, load_loss_network
from impasto.options import free_options
from impasto.training.checkpoint import Checkpoint, load_checkpoint
from impasto.training.log import Reporter
from impasto.training.loop import fit
from impasto.training.run_config import RunConfig
from impasto.training.task import Setup, readable

HELD_OUT_FROM = 10  # photos are held out of a folder only if it has this many times as many


def run(config: RunConfig, on_event: OnEvent = ignore, cancel: CancelToken | None = None) -> Path:
    """Train as `config` says, or go on where a run in `config.output` stopped.

    What is trained follows from the kind of config: a style, super-resolution, restoration or a
    decoder. Returns the path of the finished model. Everything is written below `config.output`:
    checkpoint.safetensors, log.jsonl, preview.png and previews/, model.safetensors; decoded photos
    of super-resolution and restoration are kept in the cache folder.

    `cancel`, from any thread, and Ctrl-C end the run with Cancelled when the iteration is finished
    and saved. Raises OptionError, ImageError, WeightsError, ModelError or TrainingError.
    """
    cancel = CancelToken() if cancel is None else cancel
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    checkpoint = load_checkpoint(config.output)
    paths, held_out = split_photos(config, _found_photos(config))
    config = config.for_photos(len(paths))
    loss_network = _loss_network(config, on_event) if config.needs_loss_network else None
    cancel.check()
    task_type = config.task()
    provenance = common_provenance(config, loss_network, paths) | task_type.provenance(config)
    check_same_run(config, provenance, checkpoint)
    report = Reporter(on_event)
    task = task_type(
        Setup(
            config=config,
            device=device,
            paths=paths,
            held_out=held_out,
            loss_network=loss_network,
            report=report,
        )
    )
    cancel.check()
    with report.written(config, checkpoint):
        fit(task, provenance, checkpoint, cancel)
        return task.finish(provenance)


def _found_photos(config: RunConfig) -> list[Path]:
    photos = config.photos
    return find_photos(photos) if isinstance(photos, Path) else find_photo_set(photos)


def split_photos(config: RunConfig, paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Photos to train on, and photos held out of it.

    The latter are those of `validation_photos`, or else some of a large enough folder, evenly
    spaced, so that the same are held out when a run goes on. Raises TrainingError if none of them
    can be read.
    """
    if config.validation_photos is not None:
        held_out = find_photos(config.validation_photos, "validation_photos")
        if not any(True for _ in readable(held_out, 1)):
            raise TrainingError(
                f"`validation_photos`: none of the held-out photos can be read: {held_out[0]} …"
            )
        return paths, held_out
    count = config.validation_count
    if not count or len(paths) < HELD_OUT_FROM * count:
        return paths, []
    held_out = [paths[place * len(paths) // count] for place in range(count)]
    chosen = set(held_out)
    return [path for path in paths if path not in chosen], held_out


def _loss_network(config: RunConfig, on_event: OnEvent) -> LossNetwork:
    def progress(done: int, total: int | None) -> None:
        on_event(Progress(task="download", done=done, total=total, note="the loss network"))

    return load_loss_network(
        config.loss_network, family=config.loss_network_family or None, on_progress=progress
    )


def common_provenance(
    config: RunConfig, loss_network: LossNetwork | None, paths: Sequence[Path]
) -> dict[str, Any]:
    """Versions, loss network and photos: what all weights depend on besides the options."""
    about: dict[str, Any] = {"impasto": version("impasto"), "torch": torch.__version__}
    if loss_network is not None:
        about |= {
            "loss_network": loss_network.name,
            "loss_network_hash": loss_network.weights_hash,
            "loss_network_source": loss_network.source,
        }
    root = config.photos if isinstance(config.photos, Path) else None
    return {**about, "photos": len(paths), "photos_sha256": _listing_hash(root, paths)}


def _listing_hash(root: Path | None, paths: Sequence[Path]) -> str:
    """Of names and sizes: enough to notice another data set without reading it all."""
    names = [path.relative_to(root).as_posix() if root else path.name for path in paths]
    lines = (f"{name} {path.stat().st_size}" for name, path in zip(names, paths, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_same_run(
    config: RunConfig, provenance: dict[str, Any], checkpoint: Checkpoint | None
) -> None:
    """Raise TrainingError if the checkpoint is of other options, and name those that differ."""
    if checkpoint is None:
        return
    # a checkpoint of an earlier version lacks options that came later: they were at their defaults
    wanted, found = config.to_json(), config.defaults_json() | checkpoint.config
    compared_by_hash = {"style"}
    differing = [
        f"`{name}` was {found.get(name)!r}, is {value!r}"
        for name, value in wanted.items()
        if name not in free_options(type(config)) | compared_by_hash and found.get(name) != value
    ]
    differing += [
        f"{name} was {checkpoint.provenance.get(name)!r}, is {provenance.get(name)!r}"
        for name in ("loss_network_hash", "style_sha256", "photos_sha256", "teacher")
        if checkpoint.provenance.get(name) != provenance.get(name)
    ]
    if differing:
        raise TrainingError(
            f"{config.output} holds a run with other options: {'; '.join(differing)}. "
            "Use the same options to go on, or another `output` folder for a new run"
        )
