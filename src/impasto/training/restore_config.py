"""What a restoration network is trained with: super-resolution's options at factor 1, and a few."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from impasto.data.degradations import RESTORATION_RANGES, RESTORATIONS, find_restoration
from impasto.data.degradations.degradation import Degradation
from impasto.errors import OptionError
from impasto.losses import LossWeights
from impasto.networks.superres import SuperResConfig
from impasto.training.run_config import check_choice, check_number, load_recipe, parse_layers
from impasto.training.superres_config import (
    SuperResLoss,
    SuperResTrainingConfig,
    superres_option,
)

HOLES = "holes"
# Layers before each of the first three poolings of VGG-16, as in arXiv 1804.07723.
HOLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3")


@dataclass(frozen=True, kw_only=True)
class RestoreTrainingConfig(SuperResTrainingConfig):
    """Options of `train_restore`; refuses nonsense with OptionError when it is made.

    `degradation` is one of RESTORATIONS; `degrade_range` (low, high) is what its strength is drawn
    from, in its own units, and empty for its default. For "holes", `loss` "pixel" is the absolute
    error of known and missing pixels, "perceptual" the feature and style errors, "both" all of
    them; `hole_weight`, `style_weight` and `style_layers` are for "holes" alone.
    `restore_options` has defaults that suit each degradation.
    """

    factor: int = 1
    degradation: str = "noise"
    degrade_range: tuple[float, ...] = ()
    loss: SuperResLoss = "pixel"
    hole_weight: float = 6.0
    style_layers: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(HOLE_LAYERS, 1))
    style_weight: float = 0.0

    def __post_init__(self) -> None:
        check_choice("degrade", self.degradation, RESTORATIONS)
        if self.factor != 1:
            raise OptionError(
                f"restoration keeps a picture's size, but factor {self.factor} was asked for; "
                "leave it out, or train super-resolution"
            )
        for name in ("hole_weight", "style_weight"):
            check_number(name, getattr(self, name), least=0.0)
        if self.style_weight and self.degradation != HOLES:
            raise OptionError(f"--style-weight is for holes, not for {self.degradation}")
        if self.unit_feature_weight and self.degradation == HOLES:
            raise OptionError("--unit-feature-weight is not for holes; use --content-weight")
        super().__post_init__()

    def find_degradation(self) -> Degradation:
        """The degradation with its range. Raises OptionError for a range that cannot be."""
        if not self.degrade_range:
            return find_restoration(self.degradation)
        option = RESTORATION_RANGES.get(self.degradation)
        if option is None:
            raise OptionError(f"--range: {self.degradation} draws nothing; leave it out")
        if len(self.degrade_range) != 2:
            raise OptionError(f"--range: got {self.degrade_range}; wanted two numbers, as 5:50")
        return find_restoration(self.degradation, **{option: self.degrade_range})

    @property
    def network(self) -> SuperResConfig:
        """The network to train; the mask of the holes is its fourth channel."""
        return replace(super().network, in_channels=4 if self.degradation == HOLES else 3)

    @property
    def loss_weights(self) -> LossWeights:
        """What `loss` means in weights."""
        return replace(
            super().loss_weights, style=self.style_weight if self.loss != "pixel" else 0.0
        )

    @property
    def needs_loss_network(self) -> bool:
        return super().needs_loss_network or self.loss_weights.style > 0


# Chosen by what each has to see and what its articles descend; the common defaults do the rest.
# With shrink 2 a network costs what one of half the width costs, and sees twice as far.
_LOCAL: dict[str, Any] = {"shrink": 2, "patch_px": 96, "shift_px": 0, "batch_size": 16}
_WIDE: dict[str, Any] = {"shrink": 4, "patch_px": 128, "batch_size": 8, "blocks": 8}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "noise": _LOCAL,
    "jpeg": _LOCAL,
    "blur": _LOCAL,
    # Colours are a guess: the mean of all guesses, which the pixels' error asks for, is brown.
    "gray": {**_WIDE, "loss": "both", "content_weight": 0.05},
    # The weights of arXiv 1804.07723 (0.05, 120 and 0.1), converted from its absolute errors to
    # our relative ones by measuring both on the same filled holes; see docs/restoration.md.
    "holes": {
        **_WIDE,
        "loss": "both",
        "content_layers": dict.fromkeys(HOLE_LAYERS, 1.0),
        "content_weight": 0.03,
        "style_weight": 0.5,
        "tv_weight": 0.01,
    },
}


def restore_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` of RestoreTrainingConfig, with defaults that suit their degradation."""
    degradation = options.get("degradation", RestoreTrainingConfig.degradation)
    return {**_DEFAULTS.get(degradation, {}), **options}


def read_restore_recipe(path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are those of RestoreTrainingConfig.

    Paths in it are relative to the folder of the recipe. Raises OptionError for a file that is
    not TOML, or for an unknown key.
    """
    values = load_recipe(path, RestoreTrainingConfig)
    return {name: _restore_option(name, value, path.parent) for name, value in values.items()}


def _restore_option(name: str, value: Any, folder: Path) -> Any:
    if name == "degrade_range":
        return parse_range(value) if isinstance(value, str) else tuple(value)
    if name == "style_layers" and isinstance(value, str):
        return parse_layers(value)
    return superres_option(name, value, folder)


def parse_range(text: str) -> tuple[float, ...]:
    """ "5:50" -> (5, 50); "25" -> (25, 25); whole numbers stay whole. Raises OptionError."""
    try:
        low, _, high = text.partition(":")
        return tuple(float(part) if "." in part else int(part) for part in (low, high or low))
    except ValueError as error:
        raise OptionError(f"--range: got {text!r}; wanted LOW:HIGH, as 5:50") from error
