"""Where a run's weights come from: what its checkpoints and its model say of themselves."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto.errors import TrainingError
from impasto.models import load_style_model, load_superres_model
from impasto.networks import LossNetwork
from impasto.networks.loss.weight_file import hash_tensors
from impasto.training.checkpoint import Checkpoint
from impasto.training.config import StyleTrainingConfig
from impasto.training.events import Validated
from impasto.training.run_config import FREE_OPTIONS, RunConfig
from impasto.training.superres_config import SuperResTrainingConfig

VALIDATION_PX = 256  # side of the held-out photos' crops, the size that the paper trains at


def run_provenance(
    config: StyleTrainingConfig, loss_network: LossNetwork, paths: Sequence[Path]
) -> dict[str, Any]:
    """Versions and hashes of everything that a style's weights depend on besides the options."""
    about = {
        **common_provenance(loss_network, paths, config.photos),
        "style_sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in config.style],
    }
    return {**about, "teacher": _of_model(config.teacher)} if config.teacher else about


def common_provenance(
    loss_network: LossNetwork | None, paths: Sequence[Path], root: Path | None = None
) -> dict[str, Any]:
    """Versions, loss network and photos; the latter are named relative to `root`, if given."""
    about: dict[str, Any] = {"impasto": version("impasto"), "torch": torch.__version__}
    if loss_network is not None:
        about |= {
            "loss_network": loss_network.name,
            "loss_network_hash": loss_network.weights_hash,
            "loss_network_source": loss_network.source,
        }
    return {**about, "photos": len(paths), "photos_sha256": _listing_hash(root, paths)}


def _of_model(name_or_path: str, quality: str = "full") -> dict[str, str] | None:
    """Which style model it is; None if none was named."""
    if not name_or_path:
        return None
    model = load_style_model(name_or_path, quality)
    return {"name": model.name, "weights_sha256": hash_tensors(model.network.state_dict())}


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
    defaults = {field.name: field.default for field in fields(config)}
    wanted, found = config.to_json(), defaults | checkpoint.config
    differing = [
        f"--{name.replace('_', '-')} was {found.get(name)!r}, is {value!r}"
        for name, value in wanted.items()
        if name not in FREE_OPTIONS | {"style"} and found.get(name) != value
    ]
    differing += [
        f"{name} was {checkpoint.provenance.get(name)!r}, is {provenance.get(name)!r}"
        for name in ("loss_network_hash", "style_sha256", "photos_sha256", "teacher")
        if checkpoint.provenance.get(name) != provenance.get(name)
    ]
    if differing:
        raise TrainingError(
            f"{config.output} holds a run with other options: {'; '.join(differing)}. "
            "Use the same options to go on, or another --output folder for a new run"
        )


def model_card(
    config: StyleTrainingConfig, provenance: dict[str, Any], objective: Validated | None
) -> dict[str, Any]:
    """What the model file says of itself."""
    card: dict[str, Any] = {
        "name": config.name or config.style[0].stem.lower().replace("_", "-"),
        "title": config.title,
        "artist": config.artist,
        "year": config.year,
        "licence": config.licence,
        "painting_source": config.painting_source,
        "trained": {
            **provenance,
            "content_layers": dict(config.content_layers),
            "style_layers": dict(config.style_layers),
            "weights": {
                "content": config.content_weight,
                "style": config.style_weight,
                "tv": config.tv_weight,
            },
            "style_size": config.style_size,
            "style_image_weights": list(config.style_image_weights),
            "iterations": config.iterations,
            "batch_size": config.batch_size,
            "zoom": config.zoom,
            "crops": [list(crop) for crop in config.crops],
            "optimizer": config.optimizer,
            "learning_rate": config.learning_rate,
            "schedule": config.schedule,
            "initial": _of_model(config.initial, config.initial_quality),
            "seed": config.seed,
        },
    }
    for name, weight in (("grid", config.grid_weight), ("edges", config.edge_weight)):
        if weight:
            card["trained"]["weights"][name] = weight
    if config.border_px:
        card["trained"]["border_px"] = config.border_px
    if config.color_jitter:
        card["trained"]["color_jitter"] = config.color_jitter
    if config.teacher:
        card["trained"] |= {
            "teacher_weight": config.teacher_weight,
            "teacher_only": config.teacher_only,
        }
    if objective is not None:
        card["objective"] = {
            "size_px": VALIDATION_PX,
            "stylised": objective.terms,
            "untouched_photo": objective.untouched,
        }
    return card


def superres_card(
    config: SuperResTrainingConfig, provenance: dict[str, Any], objective: Validated | None
) -> dict[str, Any]:
    """What a super-resolution model says of itself."""
    trained = {
        **provenance,
        "loss": config.loss,
        "weights": {
            "content": config.loss_weights.content,
            "pixel": config.loss_weights.pixel,
            "tv": config.tv_weight,
            "unit_feature": config.unit_feature_weight,
            "grid": config.grid_weight,
            "detail": config.detail_weight,
        },
        "pixel": config.pixel,
        "content": config.content,
        "feature_reduce": config.feature_reduce,
        "content_layers": dict(config.content_layers),
        "unit_feature_layers": dict(config.unit_feature_layers),
        "relative": config.relative,
        "patch_px": config.patch_px,
        "scales": list(config.scales),
        "shift_px": config.shift_px,
        "iterations": config.iterations,
        "batch_size": config.batch_size,
        "optimizer": config.optimizer,
        "learning_rate": config.learning_rate,
        "schedule": config.schedule,
        "initial": _initial_superres(config.initial),
        "seed": config.seed,
    }
    card: dict[str, Any] = {
        "name": config.name or f"{config.architecture}-{config.loss}-x{config.factor}",
        "task": "superres" if config.factor > 1 else "restore",
        "degradation": config.degradation,
        "licence": config.licence,
        "trained": trained,
    }
    if objective is not None:
        card["objective"] = {"output": objective.terms, "bicubic": objective.untouched}
    return card


def _initial_superres(name_or_path: str) -> dict[str, str] | None:
    if not name_or_path:
        return None
    model = load_superres_model(name_or_path)
    return {"name": model.name, "weights_sha256": hash_tensors(model.network.state_dict())}
