"""What a super-resolution network is trained with. Never imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from impasto.data import DEGRADATIONS
from impasto.errors import OptionError
from impasto.networks.superres_config import SuperResArchitecture, SuperResConfig
from impasto.options import option
from impasto.training.run_config import (
    DATA,
    IN_OUT,
    LOSS,
    NETWORK,
    OUTPUT,
    REPORTS,
    TRAINING,
    RunConfig,
    layers,
    weight,
)

if TYPE_CHECKING:
    from impasto.data.degradations import Degradation
    from impasto.losses import LossWeights
    from impasto.training.superres_task import SuperResTask

SuperResLoss = Literal["pixel", "perceptual", "both"]
LEAST_PATCH_PX = 16


@dataclass(frozen=True, kw_only=True)
class SuperResTrainingConfig(RunConfig):
    """Options of training super-resolution; refuses nonsense with OptionError when it is made.

    `loss`: "pixel" descends the distance of pixels alone, "perceptual" the feature reconstruction
    alone (the paper's two networks), "both" their sum by the weights. `tv_weight` and
    `unit_feature_weight` add their terms to each of them when above 0.
    """

    photos: tuple[Path, ...] = option(
        help="Folder of sharp photos, or a pattern; repeat it for several.", group=IN_OUT,
        free=True,
    )  # fmt: skip
    output: Path = option(default_text="runs/LOSS-xFACTOR", **OUTPUT)
    factor: int = option(4, "How many times longer each side becomes: 2, 3, 4 or 8.", group=NETWORK)
    degradation: str = option(
        "standard", "What makes the low resolution; standard is bicubic, blur is the paper's.",
        choices=DEGRADATIONS, group=DATA,
    )  # fmt: skip
    architecture: SuperResArchitecture = option("modern", "Which network.", group=NETWORK)
    width: float = option(1.0, "Number of filters; 1 is 64.", group=NETWORK)
    blocks: int = option(6, "Residual blocks of modern.", group=NETWORK)
    shrink: int = option(1, "1, 2 or 4: sees further, costs less.", group=NETWORK)
    initial: str = option(
        "", "Start from this model, bundled or a file; of any factor.", group=NETWORK
    )
    loss: SuperResLoss = option("perceptual", "What is descended.", group=LOSS, card="loss")
    content_layers: Mapping[str, float] = layers(
        ("relu2_2",), "Layers whose features are reconstructed.", "content_layers"
    )
    content: Literal["squared", "absolute"] = option(
        "squared", "Kind of the feature error; squared is the paper's.", group=LOSS, card="content"
    )
    content_weight: float = weight(1.0, "Weight of the feature error.", "")
    feature_reduce: int = option(
        1, "The loss network sees means of so many pixels a side.", at_least=1, group=LOSS,
        card="feature_reduce",
    )  # fmt: skip
    pixel_weight: float = weight(1.0, "Weight of the pixel error.", "")
    pixel: Literal["charbonnier", "absolute", "squared"] = option(
        "charbonnier", "Kind of the pixel error; squared is MSE.", group=LOSS, card="pixel"
    )
    tv_weight: float = weight(0.0, "Weight of total variation.", "weights.tv")
    unit_feature_layers: Mapping[str, float] = layers(
        ("relu1_2", "relu2_2"), "Layers of the unit feature distance.", "unit_feature_layers"
    )
    unit_feature_weight: float = weight(
        0.0, "Weight of LPIPS' distance with equal channel weights.", "weights.unit_feature"
    )
    grid_weight: float = weight(0.0, "Weight against the dots of a feature loss.", "weights.grid")
    detail_weight: float = weight(
        0.0, "Weight against the fine screens of a feature loss.", "weights.detail"
    )
    relative: bool = option(
        True, "Divide the feature error by the target's size, or take eq. 2 as it is.",
        default_text="relative", flags=("--relative", "--absolute"), group=LOSS, card="relative",
    )  # fmt: skip
    patch_px: int = option(
        192, "Side of the high-resolution patches; the paper's are 288.", unit="px",
        at_least=LEAST_PATCH_PX, flags=("--patch",), group=DATA, card="patch_px",
    )  # fmt: skip
    scales: tuple[float, ...] = option(
        (1.0, 0.75, 0.5), "Photos are also used reduced by these.", above=0, at_most=1, group=DATA,
        card="scales",
    )  # fmt: skip
    shift_px: int = option(
        8, "The loss sees patches that are cut off by up to this, against grids.", unit="px",
        at_least=0, flags=("--shift",), group=LOSS, card="shift_px",
    )  # fmt: skip
    iterations: int = option(
        20_000, "How many batches.", at_least=1, group=TRAINING, card="iterations"
    )
    batch_size: int = option(16, "Patches a batch.", at_least=1, group=TRAINING, card="batch_size")
    preview_every: int = option(
        1000, "Iterations between preview sheets; 0: none.", at_least=0, group=REPORTS, free=True
    )
    log_every: int = option(50, "Iterations between reports.", at_least=1, group=REPORTS, free=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.photos:
            raise OptionError("`photos`: name at least one folder of photos")
        if not self.scales:
            raise OptionError("`scales`: name at least one, as 1")
        self.network  # raises for a network that cannot be  # noqa: B018
        self.find_degradation()
        multiple = self.factor * self.shrink
        if self.patch_px % multiple:
            raise OptionError(f"`patch_px`: got {self.patch_px}; wanted a multiple of {multiple}")
        if self.shift_px > self.patch_px // 2:
            raise OptionError(
                f"`shift_px`: got {self.shift_px}; wanted half of the patch, "
                f"{self.patch_px // 2} px, or less"
            )
        self.loss_weights  # noqa: B018

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        loss, factor = options.get("loss", cls.loss), options.get("factor", cls.factor)
        return Path("runs") / f"{loss}-x{factor}"

    def find_degradation(self) -> "Degradation":
        """The degradation by its name."""
        from impasto.data.degradations import find_degradation

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
    def loss_weights(self) -> "LossWeights":
        """What `loss` means in weights; a term that it leaves out has none."""
        from impasto.losses import LossWeights

        weights = LossWeights(
            content=self.content_weight if self.loss != "pixel" else 0.0,
            pixel=self.pixel_weight if self.loss != "perceptual" else 0.0,
            tv=self.tv_weight,
            style=0.0,
        )
        if not weights.content + weights.pixel:
            raise OptionError(f"`loss` {self.loss}: its weights are all 0; nothing would be learnt")
        return weights

    @property
    def needs_loss_network(self) -> bool:
        return self.loss_weights.content > 0 or self.unit_feature_weight > 0

    def task(self) -> "type[SuperResTask[Any]]":
        from impasto.training.superres_task import SuperResTask

        return SuperResTask
