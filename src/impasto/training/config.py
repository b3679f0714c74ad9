"""What a style is trained with: one frozen record, from flags, a TOML recipe, or Python."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from impasto.errors import OptionError
from impasto.networks.devices import PRECISIONS
from impasto.networks.style_network import StyleNetworkConfig
from impasto.training.schedule import SCHEDULES, Schedule

# Options that change neither the data nor the arithmetic: a run may go on with others.
FREE_OPTIONS = frozenset(
    {
        "output", "photos", "workers", "log_every", "checkpoint_every", "preview_every",
        "preview_photos", "validate_every", "validation_photos", "validation_count",
        "name", "title", "artist", "year", "licence", "painting_source", "tensorboard",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StyleTrainingConfig:
    """Options of `train_style`; refuses nonsense with OptionError when it is made.

    The losses are relative (see PerceptualLoss), so one set of weights serves every painting.
    Sizes are in pixels, `*_every` in iterations (0: never).
    """

    style: tuple[Path, ...]
    photos: Path
    output: Path
    style_image_weights: tuple[float, ...] = ()  # empty: all images count the same
    style_size: int = 640  # long side of the style image: smaller gives finer strokes
    loss_network: str = "vgg16"
    loss_network_family: str = ""  # "torchvision" or "caffe", for files that do not say
    content_layers: Mapping[str, float] = field(default_factory=lambda: {"relu3_3": 1.0})
    style_layers: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(("relu1_2", "relu2_2", "relu3_3", "relu4_3"), 1.0)
    )
    content_weight: float = 1.0
    style_weight: float = 2.0
    tv_weight: float = 5.0
    architecture: Literal["modern", "paper"] = "modern"
    width: float = 0.5
    norm: Literal["instance", "batch"] = "instance"
    initial: str = ""  # start from this style or model file instead of random weights
    iterations: int = 4000
    epochs: float = 0.0  # if above 0, sets the iterations by the number of photos
    batch_size: int = 4
    crops: tuple[tuple[float, int], ...] = ((0.7, 160), (0.3, 256))
    zoom: float = 2.0  # crops show photos at up to this scale, as larger photos would look
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
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    painting_source: str = ""

    def __post_init__(self) -> None:
        if not self.style:
            raise OptionError("--style: name at least one style image")
        if self.style_image_weights and len(self.style_image_weights) != len(self.style):
            raise OptionError(
                f"--style-image-weights: got {len(self.style_image_weights)} for "
                f"{len(self.style)} style images; give one for each"
            )
        self.network  # raises for a bad architecture, width or norm  # noqa: B018
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        for name in ("content_weight", "style_weight", "tv_weight", "clip_norm", "epochs"):
            _check_number(name, getattr(self, name), least=0.0)
        _check_number("zoom", self.zoom, least=0.1)
        for name in ("style_size", "batch_size", "iterations", "log_every"):
            _check_number(name, getattr(self, name), least=1)
        for name in ("checkpoint_every", "preview_every", "validate_every", "workers", "threads"):
            _check_number(name, getattr(self, name), least=0)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise OptionError(f"--learning-rate must be above 0, got {self.learning_rate}")
        _check_crops(self.crops)

    @property
    def network(self) -> StyleNetworkConfig:
        """The network to train."""
        return StyleNetworkConfig(architecture=self.architecture, width=self.width, norm=self.norm)

    def to_json(self) -> dict[str, Any]:
        """Plain values, paths as text."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def read_recipe(path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are those of StyleTrainingConfig.

    Paths in it are relative to the folder of the recipe. Raises OptionError for a file that is
    not TOML, or for an unknown key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"--config {path}: {error}") from error
    known = {field.name for field in fields(StyleTrainingConfig)}
    if unknown := sorted(set(values) - known):
        raise OptionError(f"--config {path}: unknown options {unknown}; known are {sorted(known)}")
    return {name: _from_toml(name, value, path.parent) for name, value in values.items()}


def parse_layers(text: str) -> dict[str, float]:
    """ "relu1_2,relu2_2:0.5" -> {"relu1_2": 1.0, "relu2_2": 0.5}. Raises OptionError."""
    layers: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        try:
            layers[name] = float(weight) if weight else 1.0
        except ValueError as error:
            raise OptionError(f"layer weight {weight!r} of {name!r} is not a number") from error
    return layers


def parse_crops(text: str) -> tuple[tuple[float, int], ...]:
    """ "256", or "0.7:160,0.3:256" (share of the iterations : pixels). Raises OptionError."""
    try:
        parts = [part.partition(":") for part in text.split(",")]
        return tuple((float(a), int(b)) if colon else (1.0, int(a)) for a, colon, b in parts)
    except ValueError as error:
        raise OptionError(
            f"--crops: got {text!r}; wanted pixels, as 256, or shares:pixels, as 0.7:160,0.3:256"
        ) from error


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"--{name}: got {value!r}; choose from {list(choices)}")


def _check_number(name: str, value: float, *, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise OptionError(f"--{name.replace('_', '-')} must be {least} or more, got {value}")


def _check_crops(crops: tuple[tuple[float, int], ...]) -> None:
    if not crops or any(not 0 < share <= 1 or px < 16 for share, px in crops):
        raise OptionError(f"--crops: shares in (0, 1] and sides of 16 px or more, got {crops}")
    if abs(sum(share for share, _ in crops) - 1) > 1e-6:
        raise OptionError(f"--crops: the shares must add up to 1, got {crops}")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _from_toml(name: str, value: Any, folder: Path) -> Any:
    """TOML's lists and strings -> the field's own type."""
    if name in ("style", "preview_photos"):
        return tuple(folder / item for item in ([value] if isinstance(value, str) else value))
    if name in ("photos", "output", "validation_photos"):
        return folder / value
    if name in ("content_layers", "style_layers") and isinstance(value, str):
        return parse_layers(value)
    if name == "crops":
        text = value if isinstance(value, str) else ",".join(f"{a}:{b}" for a, b in value)
        return parse_crops(text)
    if name == "style_image_weights":
        return tuple(float(item) for item in value)
    return value
