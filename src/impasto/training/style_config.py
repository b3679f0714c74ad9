"""What a style is trained with. Never imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from impasto.errors import OptionError
from impasto.models.cards import path_of
from impasto.networks.style_config import StyleNetworkConfig
from impasto.options import option
from impasto.training.run_config import (
    DATA,
    IN_OUT,
    LOSS,
    NETWORK,
    OUTPUT,
    TRAINING,
    RunConfig,
    layers,
    weight,
)

if TYPE_CHECKING:
    from impasto.training.style_task import StyleTask

LEAST_CROP_PX = 16


def parse_crops(text: str) -> tuple[tuple[float, int], ...]:
    """ "256", or "0.7:160,0.3:256" (share of the iterations : pixels). Raises OptionError."""
    try:
        parts = [part.partition(":") for part in text.split(",")]
        return tuple((float(a), int(b)) if colon else (1.0, int(a)) for a, colon, b in parts)
    except ValueError as error:
        raise OptionError(
            f"got {text!r}; wanted pixels, as 256, or shares:pixels, as 0.7:160,0.3:256"
        ) from error


@dataclass(frozen=True, kw_only=True)
class StyleTrainingConfig(RunConfig):
    """Options of training a style; refuses nonsense with OptionError when it is made.

    The losses are relative (see PerceptualLoss), so one set of weights serves every painting.
    """

    style: tuple[Path, ...] = option(help="The painting; repeat it for several.", group=IN_OUT)
    photos: Path = option(help="Folder of photos, with its subfolders.", group=IN_OUT, free=True)
    output: Path = option(default_text="runs/PAINTING", **OUTPUT)
    style_image_weights: tuple[float, ...] = option(
        (), "How much each `style` counts, as 1,0.5; all the same without it.", at_least=0,
        group=LOSS, card="style_image_weights",
    )  # fmt: skip
    style_size: int = option(
        640, "Long side of the painting; smaller gives finer strokes.", unit="px", at_least=1,
        group=LOSS, card="style_size",
    )  # fmt: skip
    content_layers: Mapping[str, float] = layers(
        ("relu3_3",), "Layers whose content is kept.", "content_layers"
    )
    style_layers: Mapping[str, float] = layers(
        ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
        "Layers whose style is taken, as relu1_2,relu2_2:0.5.",
        "style_layers",
    )
    content_weight: float = weight(1.0, "Weight of the content error.", "weights.content")
    style_weight: float = weight(2.0, "Weight of the style error.", "weights.style")
    tv_weight: float = weight(5.0, "Weight of total variation.", "weights.tv")
    grid_weight: float = weight(
        0.0, "Weight against patterns with a period of 4 px.", "weights.grid", card_when_off=False
    )
    edge_weight: float = weight(
        0.0, "Weight against a frame around pictures.", "weights.edges", card_when_off=False
    )
    border_px: int = option(
        0, "Width of the border that is mirrored around pictures for the loss.", unit="px",
        at_least=0, group=LOSS, card="border_px", card_when_off=False,
    )  # fmt: skip
    architecture: Literal["modern", "paper", "fast"] = option(
        "modern", "Which network.", group=NETWORK
    )
    width: float = option(0.5, "Number of filters; 1 is the paper's.", group=NETWORK)
    norm: Literal["instance", "batch"] = option(
        "instance", "Which norm; batch for paper only.", group=NETWORK
    )
    blocks: int = option(5, "Residual blocks.", group=NETWORK)
    initial: str = option("", "Start from this style or model file.", group=NETWORK)
    teacher: str = option("", "Also come near to what this style or model file paints.", group=LOSS)
    teacher_weight: float = option(
        1.0, "Weight of the distance to the teacher's pictures.", at_least=0, group=LOSS
    )
    teacher_only: float = option(
        0.0, "Share of the iterations, the first, without the loss network.", at_least=0,
        at_most=1, group=LOSS,
    )  # fmt: skip
    epochs: float = option(
        0.0, "How often each photo is seen; in place of `iterations` if above 0.", at_least=0,
        group=TRAINING,
    )  # fmt: skip
    crops: tuple[tuple[float, int], ...] = option(
        ((0.7, 160), (0.3, 256)),
        "Side of the crops in px, as 256, or shares of the iterations, as 0.7:160,0.3:256.",
        parse=parse_crops,
        group=DATA,
        card="crops",
    )
    zoom: float = option(
        2.0, "Largest scale at which crops show a photo.", at_least=0.1, group=DATA, card="zoom"
    )
    color_jitter: float = option(
        0.0, "How much the crops' colours are changed.", at_least=0, at_most=1, group=DATA,
        card="color_jitter", card_when_off=False,
    )  # fmt: skip
    name: str = option("", "Of the style, in the model's card.", group=IN_OUT, free=True)
    title: str = option("", "Of the painting, in the card.", flags=(), free=True)
    artist: str = option("", "Of the painting, in the card.", flags=(), free=True)
    year: str = option("", "Of the painting, in the card.", flags=(), free=True)
    painting_source: str = option("", "Of the painting, in the card.", flags=(), free=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.style:
            raise OptionError("`style`: name at least one style image")
        if self.style_image_weights and len(self.style_image_weights) != len(self.style):
            raise OptionError(
                f"`style_image_weights`: got {len(self.style_image_weights)} for "
                f"{len(self.style)} style images; give one for each"
            )
        self.network  # raises for a bad architecture, width or norm  # noqa: B018
        if self.teacher_only and not self.teacher:
            raise OptionError(
                f"`teacher_only`: got {self.teacher_only} without a `teacher`; name one, or leave "
                "it out"
            )
        _check_crops(self.crops)

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        return Path("runs", options["style"][0].stem)

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

    def for_photos(self, count: int) -> Self:
        if not self.epochs:
            return self
        steps = max(1, round(self.epochs * count / self.batch_size))
        return replace(self, iterations=steps, epochs=0.0)

    def task(self) -> "type[StyleTask]":
        from impasto.training.style_task import StyleTask

        return StyleTask


def _check_crops(crops: tuple[tuple[float, int], ...]) -> None:
    if not crops or any(not 0 < share <= 1 or px < LEAST_CROP_PX for share, px in crops):
        raise OptionError(
            f"`crops`: got {crops}; wanted shares in (0, 1] and sides of {LEAST_CROP_PX} px or more"
        )
    if abs(sum(share for share, _ in crops) - 1) > 1e-6:
        raise OptionError(f"`crops`: got {crops}; the shares must add up to 1")
