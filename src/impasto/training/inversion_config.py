"""What a decoder of features is trained with: from flags, a TOML recipe, or Python."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.networks.inversion_config import InversionConfig
from impasto.training.run_config import RunConfig, check_number, load_recipe


@dataclass(frozen=True, kw_only=True)
class InversionTrainingConfig(RunConfig):
    """Options of `train_inversion`; refuses nonsense with OptionError when it is made.

    The feature error is relative to the target's mean square (see PerceptualLoss), the pixel error
    the mean squared difference, TV the mean of squared differences of neighbours.
    """

    photos: Path
    layer: str = "relu3_1"
    width: float = 1.0
    blocks: int = 2
    content_weight: float = 1.0
    pixel_weight: float = 5.0
    tv_weight: float = 0.0
    grid_weight: float = 100.0  # against the dots of a feature loss; see grid_loss
    shift_px: int = 8  # the loss sees crops cut off by up to this, for the same reason
    crop_px: int = 128  # side of the crops, a multiple of the layer's stride
    zoom: float = 1.0  # crops show photos at up to this scale
    batch_size: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layer:
            raise OptionError("--layer is missing; name the layer whose features are inverted")
        InversionConfig(width=self.width, blocks=self.blocks)  # raises for what cannot be
        for name in ("content_weight", "pixel_weight", "tv_weight", "grid_weight"):
            check_number(name, getattr(self, name), least=0.0)
        if not self.content_weight + self.pixel_weight:
            raise OptionError("--content-weight and --pixel-weight are 0; nothing would be learnt")
        check_number("zoom", self.zoom, least=0.1)
        check_number("crop_px", self.crop_px, least=32)
        if not 0 <= self.shift_px <= self.crop_px // 2:
            raise OptionError(
                f"--shift must lie between 0 and half of the crop, got {self.shift_px}"
            )


def read_inversion_recipe(path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are those of InversionTrainingConfig.

    Paths in it are relative to the folder of the recipe. Raises OptionError for a file that is
    not TOML, or for an unknown key.
    """
    values = load_recipe(path, InversionTrainingConfig)
    for name in ("photos", "output", "validation_photos"):
        if name in values:
            values[name] = path.parent / values[name]
    if "preview_photos" in values:
        values["preview_photos"] = tuple(path.parent / item for item in values["preview_photos"])
    return values
