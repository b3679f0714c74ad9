"""Fit a transformation network: config, loop, checkpoints, logs."""

from impasto.machine.memory import keep_freed_memory
from impasto.training.config import StyleTrainingConfig, parse_crops, read_recipe
from impasto.training.events import Event, Notice, OnEvent, Saved, Skipped, Step, Validated
from impasto.training.restore import train_restore
from impasto.training.restore_config import (
    RestoreTrainingConfig,
    parse_range,
    read_restore_recipe,
    restore_options,
)
from impasto.training.run_config import parse_layers
from impasto.training.style import train_style
from impasto.training.superres import train_superres
from impasto.training.superres_config import (
    SuperResTrainingConfig,
    parse_scales,
    read_superres_recipe,
)

__all__ = [
    "Event",
    "Notice",
    "OnEvent",
    "RestoreTrainingConfig",
    "Saved",
    "Skipped",
    "Step",
    "StyleTrainingConfig",
    "SuperResTrainingConfig",
    "Validated",
    "keep_freed_memory",
    "parse_crops",
    "parse_layers",
    "parse_range",
    "parse_scales",
    "read_recipe",
    "read_restore_recipe",
    "read_superres_recipe",
    "restore_options",
    "train_restore",
    "train_style",
    "train_superres",
]
