"""The options of optimize, invert and texture, each declared once. Never imports torch.

The functions' signatures, the commands' flags and the checks follow from these records, see
`impasto.options`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from impasto.errors import OptionError
from impasto.files.byte_sizes import parse_bytes
from impasto.machine.processor import PRECISIONS
from impasto.option_types import AUTO, layer_weights, parse_weights
from impasto.options import Options, option

IN_OUT, LOOK, SPEED = "Input and output", "Look", "Speed and memory"
Mode = Literal["best", "paper", "gatys"]
Colors = Literal["style", "luminance", "recolored"]
Optimizer = Literal["adam", "lbfgs"]
LayerWeights = Mapping[str, float] | Sequence[str]
MAX_SIZE = 8192
ADAM_RATE = 0.02  # on pixels in [0, 1]
LEAST_PX = 16  # of the shorter side: below, the loss networks' poolings leave nothing
ITERATIONS = 200  # of invert and texture
TV_WEIGHT = 0.1  # of invert, for each pixel of a sample's side: relu1 0.1, relu2 0.2 ... relu5 1.6
COARSEST_PX = 32  # of texture: short side of painting or texture in the first stage

_SIDE: dict[str, Any] = {"unit": "px", "at_least": LEAST_PX, "at_most": MAX_SIZE, "group": LOOK}
_PX = {**_SIDE, "at_least": 1}
_WEIGHT: dict[str, Any] = {"at_least": 0, "group": LOOK}


@dataclass(frozen=True, kw_only=True)
class SeeingConfig(Options):
    """What every optimisation of pixels takes: with which loss network, how long, and where."""

    loss_network: str = option(
        AUTO, "Name, file, or A+B; auto is the best that is on this machine.", group=LOOK
    )
    loss_network_family: str = option(
        "",
        "How the network in a file wants its input: torchvision or caffe.",
        default_text="what the file says",
        group=LOOK,
    )
    iterations: int | None = option(
        None, "How many iterations.", at_least=1, default_text="200", group=LOOK
    )
    seed: int = option(0, "Seed of the noise to start from.", group=LOOK)
    precision: str = option(
        "auto",
        "Number format of the loss network; auto is bfloat16 where that is fast, else float32.",
        choices=PRECISIONS,
        group=SPEED,
    )
    device: str = option("auto", "Where to compute: auto, cpu, cuda, cuda:1 or mps.", group=SPEED)
    threads: int = option(
        0, "Processor threads.", at_least=0, default_text="PyTorch's choice", group=SPEED
    )
    max_memory: int | str | None = option(
        None,
        "Most memory that the whole program may take, as 4GB or 512MiB; larger pictures go through "
        "the loss network in strips.",
        unit="size",
        default_text="what is free",
        group=SPEED,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", str(self.device))  # it may be a torch.device
        super().__post_init__()
        if self.max_memory is not None:
            object.__setattr__(self, "max_memory", parse_bytes(self.max_memory))

    @property
    def max_memory_bytes(self) -> int | None:
        """The limit as a number."""
        assert not isinstance(self.max_memory, str)
        return self.max_memory


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig(SeeingConfig):
    """Options of `optimize`; refuses nonsense with OptionError when it is made.

    None takes the mode's default (see `impasto.optimization.modes`), for layers also the loss
    network's. Weights are of relative errors in the modes best and paper (see PerceptualLoss:
    0 is a perfect match, 1 an empty picture), alpha and beta in the mode gatys.
    """

    mode: Mode = option("best", "paper: Johnson et al., eq. 5; gatys: Gatys et al.", group=LOOK)
    size: int | None = option(
        None, "Long side of the result.", default_text="the photo's, 512 at most", **_SIDE
    )
    iterations: int | None = option(
        None, "Iterations over all stages.", at_least=1, default_text="500", group=LOOK
    )
    init: str | None = option(
        None,
        "What to start from: content, noise, or a picture.",
        choices=("content", "noise"),
        default_text="content; noise for paper and gatys",
        group=LOOK,
    )
    content_weight: float | None = option(
        None, "How much the content counts; alpha.", default_text="1", **_WEIGHT
    )
    style_weight: float | None = option(
        None, "How much the style counts; beta for gatys.", default_text="by mode", **_WEIGHT
    )
    tv_weight: float | None = option(
        None, "How much total variation counts; against grain.", default_text="by mode", **_WEIGHT
    )
    content_layers: LayerWeights | None = option(
        None,
        "Layers of the content, as relu4_2.",
        parse=parse_weights,
        default_text="by mode and network",
        group=LOOK,
    )
    style_layers: LayerWeights | None = option(
        None,
        "Layers of the style, as relu1_1,relu2_1:0.5.",
        parse=parse_weights,
        default_text="by mode and network",
        group=LOOK,
    )
    style_image_weights: tuple[float, ...] = option((), "One for each style, as 1,0.5.", **_WEIGHT)
    style_scale: float = option(
        1.0,
        "Painting's long side by the result's; less: finer strokes.",
        above=0,
        at_most=8,
        group=LOOK,
    )
    colors: Colors = option(
        "style",
        "luminance: the photo's colours; recolored: the painting in the photo's.",
        group=LOOK,
    )
    # On pixels L-BFGS beat Adam at every stage, at equal cost (docs/optimizing.md).
    optimizer: Optimizer = option("lbfgs", "Optimiser of every stage.", group=LOOK)
    learning_rate: float | None = option(
        None, "Adam's, pixels being 0 to 1.", above=0, default_text=f"{ADAM_RATE}", group=LOOK
    )
    start_size: int | None = option(
        None,
        "Long side of the first stage.",
        default_text="128 for best, others at the end",
        **_SIDE,
    )
    border: int | None = option(
        None,
        "Painted beyond each edge, and cut off.",
        default_text="a 24th of the long side for best, others 0",
        **{**_SIDE, "at_least": 0},
    )
    relative: bool = option(
        True,
        "Mode paper: errors relative to the target's, or of eq. 2 and 4 as they are.",
        flags=("--relative", "--absolute"),
        group=LOOK,
    )
    pooling: Literal["max", "average"] = option("max", "Pooling in VGG networks.", group=LOOK)

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in ("content", "style"):
            layers = getattr(self, f"{kind}_layers")
            weights = None if layers is None else layer_weights(layers, kind)
            if weights is not None and not any(weights.values()):
                raise OptionError(
                    f"`{kind}_layers`: got {weights}; give at least one with a weight above 0 (to "
                    f"leave the {kind} out, give `{kind}_weight` 0)"
                )
            object.__setattr__(self, f"{kind}_layers", weights)
        if not self.relative and self.mode != "paper":
            raise OptionError(
                f"absolute errors (`relative` off) are for `mode` paper, not {self.mode}"
            )
        if self.learning_rate is not None and self.optimizer != "adam":
            raise OptionError("`learning_rate` is Adam's; give `optimizer` adam, or leave it out")
        if self.size is not None and self.start_size is not None and self.start_size > self.size:
            raise OptionError(
                f"`start_size` {self.start_size} is above `size` {self.size}; give at most that"
            )
        if self.loss_network_family and self.loss_network == AUTO:
            raise OptionError("`loss_network_family` tells about a file; give it as `loss_network`")


@dataclass(frozen=True, kw_only=True)
class InversionConfig(SeeingConfig):
    """How photos are inverted; refuses nonsense with OptionError when it is made.

    `layers` are inverted by optimisation, one after another; or a `model`, a file of `impasto
    train inversion`, gives its layer's inversion in one pass.
    """

    layers: tuple[str, ...] = option(
        (),
        "Layer, as relu3_3; repeat it, or separate several by commas.",
        flags=("--layer",),
        group=LOOK,
    )
    model: str | Path | None = option(
        None, "Instead: a model file of `impasto train inversion`; one pass.", group=LOOK
    )
    size: int | None = option(
        None,
        "Long side of the result.",
        default_text="the photo's; without a model 512 at most",
        **_PX,
    )
    iterations: int | None = option(
        None, "Iterations for each layer.", at_least=1, default_text=str(ITERATIONS), group=LOOK
    )
    tv_weight: float | None = option(
        None,
        "How much total variation counts; more is smoother.",
        default_text=f"{TV_WEIGHT} for each px of a sample's side",
        **_WEIGHT,
    )

    def __post_init__(self) -> None:
        names = [name.strip() for text in self.layers for name in text.split(",")]
        object.__setattr__(self, "layers", tuple(names))
        super().__post_init__()
        if bool(self.layers) == (self.model is not None):
            raise OptionError("name at least one of `layers`, or a `model`, and not both")
        if len(set(self.layers)) != len(self.layers) or not all(self.layers):
            raise OptionError(f"`layers`: got {list(self.layers)}; wanted names, each once")


def parse_size(text: str) -> tuple[int, int]:
    """ "1024x768" -> (1024, 768); "512" -> (512, 512). Raises OptionError."""
    match = re.fullmatch(r"(\d+)(?:[x×](\d+))?", text.strip())  # noqa: RUF001
    if match is None:
        raise OptionError(f"got {text!r}; wanted WIDTHxHEIGHT in pixels, as 1024x768")
    return int(match[1]), int(match[2] or match[1])


@dataclass(frozen=True, kw_only=True)
class TextureConfig(SeeingConfig):
    """How a texture is made; refuses nonsense with OptionError when it is made.

    size_wh: width and height of the result, px.
    """

    layers: Mapping[str, float] = option(
        help="Layers, as relu1_2,relu2_2:0.5; more and deeper ones bring larger structures.",
        factory=dict,
        group=LOOK,
    )
    size_wh: tuple[int, int] | None = option(
        None,
        "WIDTHxHEIGHT of the result, or one side.",
        parse=parse_size,
        default_text="the painting's",
        flags=("--size",),
        **_SIDE,
    )
    painting_size: int | None = option(
        None,
        "Long side of the painting: smaller gives finer strokes.",
        default_text="its own, 512 at most",
        **_PX,
    )
    seamless: bool = option(False, "Let the result tile the plane.", group=LOOK)
    iterations: int | None = option(
        None, "Iterations over all stages.", at_least=1, default_text=str(ITERATIONS), group=LOOK
    )
    coarsest_px: int = option(
        COARSEST_PX,
        "Short side of the first stage; 0: one stage, as in the papers, and no larger order.",
        unit="px",
        at_least=0,
        flags=("--coarsest",),
        group=LOOK,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layers:
            raise OptionError("`layers` are missing; name some, as relu1_2,relu2_2")
        if not sum(layer_weights(self.layers, "style").values()) > 0:
            raise OptionError(f"`layers`: got {dict(self.layers)}; give one a weight above 0")
