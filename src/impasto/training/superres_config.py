"""What a super-resolution network is trained with: from flags, a TOML recipe, or Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from impasto.data.degradations import find_degradation
from impasto.errors import OptionError
from impasto.losses import LossWeights, PixelKind
from impasto.losses.content import CONTENT_KINDS, ContentKind
from impasto.losses.pixel import PIXEL_KINDS
from impasto.networks.superres import SuperResConfig
from impasto.networks.superres_config import SuperResArchitecture
from impasto.training.run_config import (
    RunConfig,
    check_choice,
    check_number,
    load_recipe,
    parse_layers,
)

SuperResLoss = Literal["pixel", "perceptual", "both"]
SUPERRES_LOSSES: tuple[SuperResLoss, ...] = ("pixel", "perceptual", "both")


@dataclass(frozen=True, kw_only=True)
class SuperResTrainingConfig(RunConfig):
    """Options of `train_superres`; refuses nonsense with OptionError when it is made.

    `loss`: "pixel" descends the distance of pixels alone, "perceptual" the feature reconstruction
    alone (the paper's two networks), "both" their sum by the weights. `tv_weight` and
    `unit_feature_weight` add their terms to each of them when above 0.
    """

    photos: tuple[Path, ...]  # folders, files, or patterns such as photos/bsds_*.jpg
    factor: int = 4
    degradation: str = "standard"
    architecture: SuperResArchitecture = "modern"
    width: float = 1.0
    blocks: int = 6
    shrink: int = 1
    loss: SuperResLoss = "perceptual"
    content_layers: Mapping[str, float] = field(default_factory=lambda: {"relu2_2": 1.0})
    content: ContentKind = "squared"
    content_weight: float = 1.0
    feature_reduce: int = 1  # the loss network sees means of this many pixels a side
    pixel_weight: float = 1.0
    pixel: PixelKind = "charbonnier"
    tv_weight: float = 0.0
    unit_feature_layers: Mapping[str, float] = field(
        default_factory=lambda: {"relu1_2": 1.0, "relu2_2": 1.0}
    )
    unit_feature_weight: float = 0.0  # LPIPS' distance with equal weights; see unit_feature_loss
    grid_weight: float = 0.0  # against the dots of a feature loss; see grid_loss
    detail_weight: float = 0.0  # against its fine screens; see detail_loss
    relative: bool = True  # divide the feature error by the target's size; False: eq. 2 as it is
    patch_px: int = 192  # side of the high-resolution patches; the paper's are 288
    scales: tuple[float, ...] = (1.0, 0.75, 0.5)  # photos also reduced, for more and sharper ones
    shift_px: int = 8  # the loss sees patches cut off by up to this, against grid patterns
    iterations: int = 20_000
    batch_size: int = 16
    preview_every: int = 1000
    log_every: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.photos:
            raise OptionError("--photos: name at least one folder of photos")
        self.network  # raises for a network that cannot be  # noqa: B018
        self.find_degradation()
        check_choice("loss", self.loss, SUPERRES_LOSSES)
        check_choice("pixel", self.pixel, PIXEL_KINDS)
        check_choice("content", self.content, CONTENT_KINDS)
        for name in (
            "content_weight",
            "pixel_weight",
            "tv_weight",
            "unit_feature_weight",
            "grid_weight",
            "detail_weight",
        ):
            check_number(name, getattr(self, name), least=0.0)
        check_number("shift_px", self.shift_px, least=0)
        check_number("feature_reduce", self.feature_reduce, least=1)
        multiple = self.factor * self.shrink
        if self.patch_px < 16 or self.patch_px % multiple:
            raise OptionError(
                f"--patch must be a multiple of {multiple}, 16 or more, got {self.patch_px}"
            )
        if self.shift_px > self.patch_px // 2:
            raise OptionError(
                f"--shift must be half of the patch, {self.patch_px // 2} px, or less, got "
                f"{self.shift_px}"
            )
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise OptionError(f"--scales must lie in (0, 1], got {list(self.scales)}")
        self.loss_weights  # noqa: B018

    def find_degradation(self) -> Any:
        """The degradation by its name. Raises OptionError for an unknown one."""
        return find_degradation(self.degradation)

    @property
    def network(self) -> SuperResConfig:
        """The network to train."""
        return SuperResConfig(
            architecture=self.architecture,
            factor=self.factor,
            width=self.width,
            blocks=self.blocks,
            shrink=self.shrink,
        )

    @property
    def loss_weights(self) -> LossWeights:
        """What `loss` means in weights; a term that it leaves out has none."""
        weights = LossWeights(
            content=self.content_weight if self.loss != "pixel" else 0.0,
            pixel=self.pixel_weight if self.loss != "perceptual" else 0.0,
            tv=self.tv_weight,
            style=0.0,
        )
        if not weights.content + weights.pixel:
            raise OptionError(f"--loss {self.loss}: its weights are all 0; nothing would be learnt")
        return weights

    @property
    def needs_loss_network(self) -> bool:
        return self.loss_weights.content > 0 or self.unit_feature_weight > 0


def read_superres_recipe(path: Path) -> dict[str, Any]:
    """Options from a TOML file whose keys are those of SuperResTrainingConfig.

    Paths in it are relative to the folder of the recipe. Raises OptionError for a file that is
    not TOML, or for an unknown key.
    """
    values = load_recipe(path, SuperResTrainingConfig)
    return {name: superres_option(name, value, path.parent) for name, value in values.items()}


def superres_option(name: str, value: Any, folder: Path) -> Any:
    """A recipe's list or string -> the field's own type; paths relative to `folder`."""
    if name in ("photos", "preview_photos"):
        return tuple(folder / item for item in ([value] if isinstance(value, str) else value))
    if name in ("output", "validation_photos"):
        return folder / value
    if name in ("content_layers", "unit_feature_layers") and isinstance(value, str):
        return parse_layers(value)
    if name == "scales":
        return parse_scales(value) if isinstance(value, str) else tuple(map(float, value))
    return value


def parse_scales(text: str) -> tuple[float, ...]:
    """ "1,0.75" -> (1.0, 0.75). Raises OptionError."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(f"--scales: got {text!r}; wanted numbers, as 1,0.75") from error
