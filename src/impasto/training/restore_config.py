"""What a restoration network is trained with: super-resolution's options at factor 1, and a few.

Never imports torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.data import RESTORATION_RANGES, RESTORATIONS
from impasto.errors import OptionError
from impasto.networks.superres_config import SuperResConfig
from impasto.options import option
from impasto.training.run_config import (
    DATA,
    IN_OUT,
    LOSS,
    NETWORK,
    OUTPUT,
    TRAINING,
    layers,
    weight,
)
from impasto.training.superres_config import LEAST_PATCH_PX, SuperResLoss, SuperResTrainingConfig

if TYPE_CHECKING:
    from impasto.data.degradations import Degradation
    from impasto.losses import LossWeights
    from impasto.training.restore_task import RestoreTask

HOLES = "holes"
# Layers before each of the first three poolings of VGG-16, as in arXiv 1804.07723.
HOLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3")


def parse_range(text: str) -> tuple[float, ...]:
    """ "5:50" -> (5, 50); "25" -> (25, 25); whole numbers stay whole. Raises OptionError."""
    try:
        low, _, high = text.partition(":")
        return tuple(float(part) if "." in part else int(part) for part in (low, high or low))
    except ValueError as error:
        raise OptionError(f"got {text!r}; wanted LOW:HIGH, as 5:50") from error


@dataclass(frozen=True, kw_only=True)
class RestoreTrainingConfig(SuperResTrainingConfig):
    """Options of training restoration; refuses nonsense with OptionError when it is made.

    `degrade_range` (low, high) is what the strength of the degradation is drawn from, in its own
    units, and empty for its default. For "holes", `loss` "pixel" is the absolute error of known
    and missing pixels, "perceptual" the feature and style errors, "both" all of them.
    `suited` has defaults that suit each degradation; those of the fields suit noise, JPEG and blur.
    """

    photos: tuple[Path, ...] = option(
        help="Folder of good photos, or a pattern; repeat it for several.", group=IN_OUT, free=True
    )
    output: Path = option(default_text="runs/restore-DEGRADE", **OUTPUT)
    factor: int = option(1, "Always 1: a picture keeps its size.", flags=())
    degradation: str = option(
        "noise", "What to repair.", choices=RESTORATIONS, flags=("--degrade",), group=DATA
    )
    degrade_range: tuple[int | float, ...] = option(
        (),
        "How bad, LOW:HIGH. noise: sigma in 8-bit units [5:50]; jpeg: quality [10:80]; blur: sigma "
        "in px [0.5:2.5]; holes: missing share [0.01:0.4].",
        parse=parse_range,
        flags=("--range",),
        group=DATA,
    )
    # With shrink 2 a network costs what one of half the width costs, and sees twice as far.
    shrink: int = option(
        2, "1, 2 or 4: sees further, costs less.", default_text="2; gray and holes: 4",
        group=NETWORK,
    )  # fmt: skip
    blocks: int = option(6, "Residual blocks.", default_text="6; gray and holes: 8", group=NETWORK)
    initial: str = option("", "Start from this model file.", group=NETWORK)
    loss: SuperResLoss = option(
        "pixel", "What is descended.", default_text="pixel; gray and holes: both", group=LOSS,
        card="loss",
    )  # fmt: skip
    content_layers: Mapping[str, float] = layers(
        ("relu2_2",), "Layers whose features are reconstructed.", "content_layers",
        default_text="relu2_2; holes: relu1_2,relu2_2,relu3_3",
    )  # fmt: skip
    content_weight: float = weight(
        1.0, "Weight of the feature error.", "", default_text="1; gray: 0.05; holes: 0.03"
    )
    hole_weight: float = weight(
        6.0, "Times the weight of the pixel error, where pixels are missing.", ""
    )
    style_layers: Mapping[str, float] = layers(
        HOLE_LAYERS, "Layers of the style error of holes, as relu1_2,relu2_2:0.5."
    )
    style_weight: float = weight(
        0.0, "Weight of the style error; for holes only.", "", default_text="0; holes: 0.5"
    )
    tv_weight: float = weight(
        0.0, "Weight of total variation; for holes along their edges.", "weights.tv",
        default_text="0; holes: 0.01",
    )  # fmt: skip
    patch_px: int = option(
        96, "Side of the patches.", unit="px", at_least=LEAST_PATCH_PX, flags=("--patch",),
        default_text="96; gray and holes: 128", group=DATA, card="patch_px",
    )  # fmt: skip
    shift_px: int = option(
        0, "The loss sees patches that are cut off by up to this, against grids.", unit="px",
        at_least=0, default_text="0; gray and holes: 8", flags=("--shift",), group=LOSS,
        card="shift_px",
    )  # fmt: skip
    batch_size: int = option(
        16, "Patches a batch.", at_least=1, default_text="16; gray and holes: 8", group=TRAINING,
        card="batch_size",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor != 1:
            raise OptionError(
                f"`factor`: got {self.factor}; restoration keeps a picture's size, so leave it "
                "out, or train super-resolution"
            )
        if self.style_weight and self.degradation != HOLES:
            raise OptionError(f"`style_weight` is for holes, not for {self.degradation}")
        if self.unit_feature_weight and self.degradation == HOLES:
            raise OptionError("`unit_feature_weight` is not for holes; use `content_weight`")

    @classmethod
    def suited(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        return {**_SUITED.get(options.get("degradation", cls.degradation), {}), **options}

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        return Path("runs") / f"restore-{options.get('degradation', cls.degradation)}"

    def find_degradation(self) -> "Degradation":
        """The degradation with its range. Raises OptionError for a range that cannot be."""
        from impasto.data.degradations import find_restoration

        if not self.degrade_range:
            return find_restoration(self.degradation)
        drawn = RESTORATION_RANGES.get(self.degradation)
        if drawn is None:
            raise OptionError(f"`degrade_range`: {self.degradation} draws nothing; leave it out")
        if len(self.degrade_range) != 2:
            raise OptionError(
                f"`degrade_range`: got {self.degrade_range}; wanted two numbers, as 5:50"
            )
        return find_restoration(self.degradation, **{drawn: self.degrade_range})

    @property
    def network(self) -> SuperResConfig:
        """The network to train; the mask of the holes is its fourth channel."""
        return replace(super().network, in_channels=4 if self.degradation == HOLES else 3)

    @property
    def loss_weights(self) -> "LossWeights":
        """What `loss` means in weights."""
        return replace(
            super().loss_weights, style=self.style_weight if self.loss != "pixel" else 0.0
        )

    @property
    def needs_loss_network(self) -> bool:
        return super().needs_loss_network or self.loss_weights.style > 0

    def task(self) -> "type[RestoreTask]":
        from impasto.training.restore_task import HolesTask, RestoreTask

        return HolesTask if self.degradation == HOLES else RestoreTask


# Chosen by what each has to see and what its articles descend; the defaults do the rest.
_WIDE: dict[str, Any] = {
    "shrink": 4,
    "patch_px": 128,
    "batch_size": 8,
    "blocks": 8,
    "shift_px": 8,
    "loss": "both",
}
_SUITED: dict[str, dict[str, Any]] = {
    # Colours are a guess: the mean of all guesses, which the pixels' error asks for, is brown.
    "gray": {**_WIDE, "content_weight": 0.05},
    # The weights of arXiv 1804.07723 (0.05, 120 and 0.1), converted from its absolute errors to
    # our relative ones by measuring both on the same filled holes; see docs/restoration.md.
    "holes": {
        **_WIDE,
        "content_layers": dict.fromkeys(HOLE_LAYERS, 1.0),
        "content_weight": 0.03,
        "style_weight": 0.5,
        "tv_weight": 0.01,
    },
}
