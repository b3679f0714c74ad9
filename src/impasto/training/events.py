"""What a training run reports to whoever watches: progress bars, logs, the studio."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Step:
    """One iteration is done. `terms` are unweighted, means since the last report."""

    iteration: int  # how many are done
    iterations: int
    loss: float
    terms: dict[str, float]
    learning_rate: float
    gradient_norm: float
    images_per_second: float
    crop_px: int


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Mean unweighted terms over the held-out photos, and those of the untouched photos."""

    iteration: int
    terms: dict[str, float]
    untouched: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A file was written: a checkpoint, a preview sheet or the finished model."""

    iteration: int
    kind: str  # "checkpoint", "preview", "model"
    path: Path


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person should know, with what to do about it."""

    iteration: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A photo could not be read; training goes on without it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Download:
    """The loss network is on its way: bytes there, bytes in all (None: not known)."""

    done: int
    total: int | None


Event = Download | Step | Validated | Saved | Notice | Skipped
OnEvent = Callable[[Event], None]
