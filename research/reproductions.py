"""What a reproduction is asked to do: the options of all of them, declared once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from impasto.errors import OptionError
from impasto.evaluation.configs import (
    AGAIN,
    HELD_OUT,
    PAINTINGS,
    WHERE,
    names,
)
from impasto.options import Options, option

LOSS_NETWORK = "vgg19-normalised+vgg19-distilled"  # of figures 3 and 4
SIZES_PX = (256, 512, 1024)  # of the paper
_EACH = "by reproduction"


def iterations_of(text: str) -> dict[int, int]:
    """ "200" -> {0: 200}, for every size; "256:200,512:100" -> by size. Raises OptionError."""
    pairs = [part.rpartition(":") for part in text.split(",")]
    try:
        return {int(size) if size else 0: int(count) for size, _, count in pairs}
    except ValueError as error:
        raise OptionError(f"got {text!r}; wanted whole numbers, as 200 or 256:200") from error


@dataclass(frozen=True, kw_only=True)
class Reproduction(Options):
    """What one of them is asked; `reproduce.REPRODUCTIONS` has which takes what, and its defaults.

    Raises OptionError for nonsense.
    """

    output: Path = option(Path("reproduced"), "Folder of the results.", flags=("--output", "-o"))
    styles: tuple[str, ...] = names(
        (), "As starry-night,FILE: bundled styles or files.", default_text="all bundled ones"
    )
    photos: Path | None = option(None, HELD_OUT)
    count: int = option(1, "Number of the photos.", at_least=1, default_text=_EACH)
    content: tuple[Path, ...] = option((), "features, sheet: a photo to show; repeat it.")
    paintings: Path | None = option(None, PAINTINGS, default_text="recipes/paintings")
    sizes: tuple[int, ...] = option(
        SIZES_PX,
        "In px, as 256,512,1024; one for pictures.",
        at_least=64,
        default_text=_EACH,
    )
    iterations: Mapping[int, int] = option(
        factory=dict,
        help="As 200, or by size: 256:200,512:100. speed: how many are timed.",
        parse=iterations_of,
        at_least=1,
        default_text=_EACH,
    )
    loss_network: str = option(LOSS_NETWORK, "features, styles: name or file of a loss network.")
    layers: tuple[str, ...] = names(
        (), "features, styles: as relu1_2,relu2_2.", default_text="by network"
    )
    baseline: Literal["none", "torch", "network"] = option(
        "none",
        "objective: a second curve, of torch.optim.LBFGS (torch) or of L-BFGS that begins at the "
        "network's picture (network).",
    )
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "Number format of L-BFGS; auto is the fast one."
    )
    data: Path | None = option(
        None, "superres: folder with the test sets as folders; else $IMPASTO_DATA/superres."
    )
    sets: tuple[str, ...] = names(("set5", "set14", "bsd100"), "superres: of these.")
    distances: tuple[str, ...] = names(
        ("auto",), "superres: perceptual ones, as for `impasto evaluate`."
    )
    models: tuple[str, ...] = option(
        (), "superres: another model for a row, as pixel-x4=FILE; repeat it.", flags=("--model",)
    )
    device: str = option("auto", WHERE)
    overwrite: bool = option(False, AGAIN)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sizes:
            raise OptionError("`sizes`: wanted at least one")
        if self.output.is_file():
            raise OptionError(f"`output` {self.output}: is a file; wanted a folder")

    def iterations_at(self, size_px: int, default: Mapping[int, int]) -> int:
        """The number asked for at this size; `default`: by size, of other sizes under 0."""
        otherwise = self.iterations.get(0, default.get(size_px, default[0]))
        return self.iterations.get(size_px, otherwise)

    @property
    def size_px(self) -> int:
        """The one size. Raises OptionError if there are several."""
        if len(self.sizes) != 1:
            raise OptionError(f"`sizes` {self.sizes}: its pictures have one size; give one")
        return self.sizes[0]
