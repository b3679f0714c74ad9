"""Fit a transformation network: config, loop, checkpoints, logs."""

from impasto.training.config import (
    StyleTrainingConfig,
    parse_crops,
    parse_layers,
    read_recipe,
)
from impasto.training.events import Event, Notice, OnEvent, Saved, Skipped, Step, Validated
from impasto.training.memory import keep_freed_memory
from impasto.training.style import train_style

__all__ = [
    "Event",
    "Notice",
    "OnEvent",
    "Saved",
    "Skipped",
    "Step",
    "StyleTrainingConfig",
    "Validated",
    "keep_freed_memory",
    "parse_crops",
    "parse_layers",
    "read_recipe",
    "train_style",
]
