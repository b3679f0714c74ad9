"""What a decoder of features is trained with. Never imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import OptionError
from impasto.networks.inversion_config import InversionConfig
from impasto.options import option
from impasto.training.run_config import (
    DATA,
    IN_OUT,
    LOSS,
    NETWORK,
    OUTPUT,
    TRAINING,
    RunConfig,
    weight,
)

if TYPE_CHECKING:
    from impasto.training.inversion_task import InversionTask


@dataclass(frozen=True, kw_only=True)
class InversionTrainingConfig(RunConfig):
    """Options of training a decoder; refuses nonsense with OptionError when it is made.

    The feature error is relative to the target's mean square (see PerceptualLoss), the pixel error
    the mean squared difference, TV the mean of squared differences of neighbours.
    """

    photos: Path = option(help="Folder of photos, with its subfolders.", group=IN_OUT, free=True)
    output: Path = option(default_text="runs/inversion-LAYER", **OUTPUT)
    layer: str = option("relu3_1", "The layer whose features are inverted.", group=NETWORK)
    width: float = option(1.0, "Number of filters; 1 is 32 at full size.", group=NETWORK)
    blocks: int = option(2, "Residual blocks.", group=NETWORK)
    initial: str = option("", "Start from this model file.", group=NETWORK)
    content_weight: float = weight(1.0, "Weight of the feature error.", "content_weight")
    pixel_weight: float = weight(5.0, "Weight of the squared pixel error.", "pixel_weight")
    tv_weight: float = weight(0.0, "Weight of total variation.", "tv_weight")
    grid_weight: float = weight(
        100.0, "Weight against dots that repeat with the layer's stride.", "grid_weight"
    )
    shift_px: int = option(
        8, "The loss sees crops that are cut off by up to this, against such dots.", unit="px",
        at_least=0, flags=("--shift",), group=LOSS, card="shift_px",
    )  # fmt: skip
    crop_px: int = option(
        128, "Side of the crops, a multiple of the layer's stride.", unit="px", at_least=32,
        flags=("--crop",), group=DATA, card="crop_px",
    )  # fmt: skip
    zoom: float = option(
        1.0, "Largest scale at which crops show a photo.", at_least=0.1, group=DATA, card="zoom"
    )
    batch_size: int = option(8, "Photos a batch.", at_least=1, group=TRAINING, card="batch_size")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layer:
            raise OptionError("`layer` is missing; name the layer whose features are inverted")
        InversionConfig(width=self.width, blocks=self.blocks)  # raises for what cannot be
        if not self.content_weight + self.pixel_weight:
            raise OptionError("`content_weight` and `pixel_weight` are 0; nothing would be learnt")
        if self.shift_px > self.crop_px // 2:
            raise OptionError(
                f"`shift_px`: got {self.shift_px}; wanted half of the crop, {self.crop_px // 2} "
                "px, or less"
            )

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        layer = options.get("layer", cls.layer).replace("/", "-")
        return Path("runs") / f"inversion-{layer}"

    def task(self) -> "type[InversionTask]":
        from impasto.training.inversion_task import InversionTask

        return InversionTask
