"""What every training run is told, whatever it trains; and recipes, the files that tell it."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.machine.devices import PRECISIONS
from impasto.training.schedule import SCHEDULES, Schedule

OPTIMIZERS = ("adam", "muon")

# Options that change neither the data nor the arithmetic: a run may go on with others.
FREE_OPTIONS = frozenset(
    {
        "output", "photos", "workers", "log_every", "checkpoint_every", "preview_every",
        "preview_photos", "validate_every", "validation_photos", "validation_count",
        "name", "title", "artist", "year", "licence", "painting_source", "tensorboard",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Options that all kinds of training share; refuses nonsense with OptionError.

    Sizes are in pixels, `*_every` in iterations (0: never).
    """

    output: Path
    loss_network: str = "vgg16"
    loss_network_family: str = ""  # "torchvision" or "caffe", for files that do not say
    initial: str = ""  # start from this model instead of random weights
    iterations: int = 4000
    batch_size: int = 4
    optimizer: str = "adam"  # "muon" needs fewer iterations; the paper's is Adam
    learning_rate: float = 1e-3
    schedule: Schedule = "one-cycle"
    clip_norm: float = 1.0  # of the gradient; 0: not clipped
    precision: str = "auto"
    compile: bool = False
    device: str = "auto"
    threads: int = 0  # 0: PyTorch's choice; part of the run, for bits depend on it
    seed: int = 0
    workers: int = 1
    log_every: int = 20
    checkpoint_every: int = 200
    preview_every: int = 200
    preview_photos: tuple[Path, ...] = ()
    validate_every: int = 1000
    validation_photos: Path | None = None
    validation_count: int = 16
    tensorboard: bool = False
    name: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_number("clip_norm", self.clip_norm, least=0.0)
        for name in ("batch_size", "iterations", "log_every"):
            check_number(name, getattr(self, name), least=1)
        for name in ("checkpoint_every", "preview_every", "validate_every", "workers", "threads"):
            check_number(name, getattr(self, name), least=0)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise OptionError(f"--learning-rate must be above 0, got {self.learning_rate}")

    def to_json(self) -> dict[str, Any]:
        """Plain values, paths as text."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def load_recipe(path: Path, config_type: type[RunConfig]) -> dict[str, Any]:
    """The values of a TOML file whose keys are those of `config_type`, unconverted.

    Raises OptionError for a file that is not TOML, or for an unknown key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"--config {path}: {error}") from error
    known = {field.name for field in fields(config_type)}
    if unknown := sorted(set(values) - known):
        raise OptionError(f"--config {path}: unknown options {unknown}; known are {sorted(known)}")
    return values


def parse_layers(text: str) -> dict[str, float]:
    """ "relu1_2,relu2_2:0.5" -> {"relu1_2": 1.0, "relu2_2": 0.5}. Raises OptionError."""
    layers: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        if name in layers:
            raise OptionError(f"layer {name!r} is named twice in {text!r}; name it once")
        try:
            layers[name] = float(weight) if weight else 1.0
        except ValueError as error:
            raise OptionError(f"layer weight {weight!r} of {name!r} is not a number") from error
    return layers


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise OptionError unless `value` is one of `choices`."""
    if value not in choices:
        raise OptionError(f"--{name}: got {value!r}; choose from {list(choices)}")


def check_number(name: str, value: float, *, least: float) -> None:
    """Raise OptionError unless `value` is a finite number of `least` or more."""
    if not (math.isfinite(value) and value >= least):
        raise OptionError(f"--{name.replace('_', '-')} must be {least} or more, got {value}")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
