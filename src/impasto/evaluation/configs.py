"""What evaluations and the bench are asked to do. Never imports torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.options import Options, option

FACTORS = (2, 3, 4, 8)
WHERE = "Where to compute: auto, cpu, cuda, cuda:1 or mps."
HELD_OUT = "Folder of held-out photos."
PAINTINGS = "Folder with the styles' paintings."
AGAIN = "Measure all of it again."
IN_OUT: dict[str, Any] = {"group": "Input and output"}
SPEED: dict[str, Any] = {"group": "Speed and memory"}


def names_of(text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b"). Raises OptionError if an entry is empty."""
    entries = tuple(entry.strip() for entry in text.split(","))
    if not all(entries):
        raise OptionError(f"got {text!r}; wanted names with commas between them")
    return entries


def names(default: tuple[str, ...] | None, help: str, **declared: Any) -> Any:
    """An option of several names, in one text with commas."""
    declared = {"default_text": ",".join(default or ()), **declared}
    return option(default, help, parse=names_of, **declared)


@dataclass(frozen=True, kw_only=True)
class _Evaluation(Options):
    """What both have: the results file, where to compute, whether to begin anew."""

    output: Path = option(
        Path("results.json"), "Results, a .json file.", flags=("--output", "-o"), **IN_OUT
    )
    device: str = option("auto", WHERE, **SPEED)
    overwrite: bool = option(False, AGAIN, **IN_OUT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output.suffix.lower() != ".json" or self.output.is_dir():
            raise OptionError(f"`output` {self.output}: wanted the name of a .json file")


@dataclass(frozen=True, kw_only=True)
class SuperResEvaluation(_Evaluation):
    """Which models on which sets, by which protocol. Raises OptionError for nonsense.

    `models`, `color_matches`: see `find_methods`; `sets`, `data`: `find_image_sets`; `distances`:
    `load_distances`. Of `crops` images a set small pictures are kept beside the results, for
    figures. An image is enlarged `repeats` times, and the median time counts.
    """

    models: tuple[str, ...] | None = names(
        None,
        "As bicubic,pixel,FILE,LABEL=FILE: filters, bundled models, model files.",
        default_text="bilinear, bicubic, lanczos, and of srcnn, pixel and perceptual those there "
        "are",
    )
    sets: tuple[str, ...] = names(
        ("set5", "set14", "bsd100"),
        "Known sets, downloaded if need be, or folders of images.",
        **IN_OUT,
    )
    factor: int = option(4, "Times as wide and as high: 2, 3, 4 or 8.")
    protocol: str = option("standard", "standard, blur (the paper's degradation) or rgb.")
    data: Path | None = option(
        None,
        "Folder with the test sets as folders.",
        default_text="$IMPASTO_DATA/superres",
        **IN_OUT,
    )
    distances: tuple[str, ...] = names(
        ("auto",),
        "Perceptual distances: lpips-alex, lpips-vgg, lpips-squeeze, lpips-squeeze-caffe, "
        "features-googlenet; auto: what is at hand; none.",
    )
    color_matches: tuple[str, ...] = names(
        ("none",),
        "none, histogram, low-frequency; several, as none,histogram, show the cost.",
        flags=("--color-match",),
    )
    crops: int = option(
        3, "Images of each set of which crops are kept for figures.", at_least=0, **IN_OUT
    )
    save_images: Path | None = option(None, "Folder that keeps the whole outputs.", **IN_OUT)
    repeats: int = option(
        1, "How often each image is enlarged; the median time counts.", at_least=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor not in FACTORS:
            raise OptionError(f"no factor {self.factor!r}; choose from {list(FACTORS)}")
        if self.save_images is not None and self.save_images.is_file():
            raise OptionError(f"`save_images` {self.save_images}: is a file; wanted a folder")


@dataclass(frozen=True, kw_only=True)
class StyleEvaluation(_Evaluation):
    """Which styles on which photos, by which network. Raises OptionError for nonsense.

    `lbfgs` is the number of photos, the first ones, that L-BFGS paints too, in `iterations`, as a
    baseline; `loss_network`: see `load_metric_network`; layers: see `StyleMetric`.
    """

    output: Path = option(
        Path("style.json"), "Results, a .json file.", flags=("--output", "-o"), **IN_OUT
    )
    styles: tuple[str, ...] = names(
        (),
        "Bundled styles or files, as starry-night,FILE.",
        default_text="all bundled ones",
    )
    photos: Path | None = option(
        None, HELD_OUT, default_text="$IMPASTO_DATA/photos/eval50", **IN_OUT
    )
    count: int | None = option(
        None, "How many of the photos, the first ones.", at_least=1, default_text="all", **IN_OUT
    )
    paintings: Path | None = option(None, PAINTINGS, default_text="recipes/paintings", **IN_OUT)
    loss_network: str = option(
        "auto",
        "Name or file of one not used in training; auto: SqueezeNet, or else GoogLeNet.",
    )
    style_layers: tuple[str, ...] = names(
        (), "Layers of the style, as relu1,fire2.", default_text="by network"
    )
    content_layers: tuple[str, ...] = names(
        (), "Layers of the content, as fire5.", default_text="by network"
    )
    size_px: int = option(
        256,
        "Side of the photos' middle square.",
        unit="px",
        at_least=64,
        flags=("--size",),
    )
    lbfgs: int = option(
        0,
        "How many photos, the first ones, L-BFGS paints too, as a baseline.",
        at_least=0,
    )
    iterations: int = option(100, "Iterations of L-BFGS.", at_least=1)
    allow_training_network: bool = option(
        False, "Measure even with a network that the styles were trained with."
    )


@dataclass(frozen=True, kw_only=True)
class BenchConfig(Options):
    """Which style, at which sizes, and about how long. Raises OptionError."""

    style: str = option(
        "starry-night",
        "Bundled style or model file whose network is timed.",
        flags=("--style", "-s"),
    )
    sizes: tuple[int, ...] = option(
        (256, 512, 1024),
        "Sides of the pictures, as 256,512.",
        unit="px",
        at_least=16,
        at_most=8192,
    )
    seconds: float = option(60.0, "About how long, in all.", above=0)
    device: str = option("auto", WHERE, **SPEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sizes:
            raise OptionError("`sizes`: wanted at least one")
        object.__setattr__(self, "sizes", tuple(sorted(set(self.sizes))))
