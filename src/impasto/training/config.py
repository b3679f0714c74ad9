"""What a style is trained with: one frozen record, from flags, a TOML recipe, or Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from impasto.errors import OptionError
from impasto.models.cards import path_of
from impasto.networks.style_config import StyleNetworkConfig
from impasto.training.run_config import RunConfig, check_number, load_recipe, parse_layers


@dataclass(frozen=True, kw_only=True)
class StyleTrainingConfig(RunConfig):
    """Options of `train_style`; refuses nonsense with OptionError when it is made.

    The losses are relative (see PerceptualLoss), so one set of weights serves every painting.
    Sizes are in pixels, `*_every` in iterations (0: never).
    """

    style: tuple[Path, ...]
    photos: Path
    style_image_weights: tuple[float, ...] = ()  # empty: all images count the same
    style_size: int = 640  # long side of the style image: smaller gives finer strokes
    content_layers: Mapping[str, float] = field(default_factory=lambda: {"relu3_3": 1.0})
    style_layers: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(("relu1_2", "relu2_2", "relu3_3", "relu4_3"), 1.0)
    )
    content_weight: float = 1.0
    style_weight: float = 2.0
    tv_weight: float = 5.0
    grid_weight: float = 0.0  # against patterns with the period of the network's; see grid_loss
    edge_weight: float = 0.0  # against a frame around pictures; see edge_loss
    border_px: int = 0  # by how much pictures are mirrored beyond their borders for the loss
    architecture: Literal["modern", "paper", "fast"] = "modern"
    width: float = 0.5
    norm: Literal["instance", "batch"] = "instance"
    blocks: int = 5
    teacher: str = ""  # a trained style whose pictures to come near to
    teacher_weight: float = 1.0  # of the mean absolute difference of pixels in [0, 1]
    teacher_only: float = 0.0  # share of the iterations, the first, in which nothing else counts
    epochs: float = 0.0  # if above 0, sets the iterations by the number of photos
    crops: tuple[tuple[float, int], ...] = ((0.7, 160), (0.3, 256))
    zoom: float = 2.0  # crops show photos at up to this scale, as larger photos would look
    color_jitter: float = 0.0  # random changes of the crops' colours, see jitter_colors
    title: str = ""
    artist: str = ""
    year: str = ""
    painting_source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.style:
            raise OptionError("--style: name at least one style image")
        if self.style_image_weights and len(self.style_image_weights) != len(self.style):
            raise OptionError(
                f"--style-image-weights: got {len(self.style_image_weights)} for "
                f"{len(self.style)} style images; give one for each"
            )
        self.network  # raises for a bad architecture, width or norm  # noqa: B018
        for name in (
            "content_weight",
            "style_weight",
            "tv_weight",
            "grid_weight",
            "edge_weight",
            "border_px",
            "epochs",
            "teacher_weight",
        ):
            check_number(name, getattr(self, name), least=0.0)
        if not 0 <= self.teacher_only <= 1 or (self.teacher_only and not self.teacher):
            raise OptionError(
                f"--teacher-only: a share of the iterations, 0 to 1, with a --teacher; got "
                f"{self.teacher_only} and teacher {self.teacher!r}"
            )
        check_number("zoom", self.zoom, least=0.1)
        check_number("color_jitter", self.color_jitter, least=0.0)
        if self.color_jitter > 1:
            raise OptionError(f"--color-jitter: a strength from 0 to 1, got {self.color_jitter}")
        check_number("style_size", self.style_size, least=1)
        _check_crops(self.crops)

    @property
    def network(self) -> StyleNetworkConfig:
        """The network to train."""
        return StyleNetworkConfig(
            architecture=self.architecture, width=self.width, norm=self.norm, blocks=self.blocks
        )

    @property
    def initial_quality(self) -> str:
        """Which network of a bundled style `initial` names: the one of the same architecture."""
        bundled = bool(self.initial) and path_of(self.initial) is None
        return "fast" if bundled and self.architecture == "fast" else "full"


def read_recipe(path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are those of StyleTrainingConfig.

    Paths in it are relative to the folder of the recipe. Raises OptionError for a file that is
    not TOML, or for an unknown key.
    """
    values = load_recipe(path, StyleTrainingConfig)
    return {name: _from_toml(name, value, path.parent) for name, value in values.items()}


def parse_crops(text: str) -> tuple[tuple[float, int], ...]:
    """ "256", or "0.7:160,0.3:256" (share of the iterations : pixels). Raises OptionError."""
    try:
        parts = [part.partition(":") for part in text.split(",")]
        return tuple((float(a), int(b)) if colon else (1.0, int(a)) for a, colon, b in parts)
    except ValueError as error:
        raise OptionError(
            f"--crops: got {text!r}; wanted pixels, as 256, or shares:pixels, as 0.7:160,0.3:256"
        ) from error


def _check_crops(crops: tuple[tuple[float, int], ...]) -> None:
    if not crops or any(not 0 < share <= 1 or px < 16 for share, px in crops):
        raise OptionError(f"--crops: shares in (0, 1] and sides of 16 px or more, got {crops}")
    if abs(sum(share for share, _ in crops) - 1) > 1e-6:
        raise OptionError(f"--crops: the shares must add up to 1, got {crops}")


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
