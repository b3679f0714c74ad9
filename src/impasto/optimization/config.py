"""The options of optimize, invert and texture, each declared once.

The functions' signatures, the commands' flags and the checks follow from these records, see
`impasto.options`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from impasto.errors import OptionError
from impasto.events import CancelToken, Notice, OnEvent, Progress
from impasto.files.byte_sizes import parse_bytes
from impasto.losses.terms import layer_weights
from impasto.machine.devices import PRECISIONS, choose_device, choose_dtype
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.load import AUTO, choose_loss_network
from impasto.optimization.layers import Mode
from impasto.options import Options, option, parse_weights

IN_OUT, LOOK, SPEED = "Input and output", "Look", "Speed and memory"
Colors = Literal["style", "luminance", "recolored"]
Optimizer = Literal["adam", "lbfgs"]
LayerWeights = Mapping[str, float] | Sequence[str]
MAX_SIZE = 8192
ADAM_RATE = 0.02  # on pixels in [0, 1]
LEAST_PX = 16  # of the shorter side: below, the loss networks' poolings leave nothing
LEAST_MEMORY = 10**6  # less is a number without its unit

_SIDE: dict[str, Any] = {"unit": "px", "at_least": LEAST_PX, "at_most": MAX_SIZE, "group": LOOK}
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
    seed: int = option(0, "Of the noise to start from.", group=LOOK)
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
        default_text="what is free",
        group=SPEED,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_memory is not None:
            limit = parse_bytes(self.max_memory, "`max_memory`")
            if limit < LEAST_MEMORY:
                raise OptionError(
                    f"`max_memory`: got {self.max_memory!r}, which is {limit} bytes; give the unit "
                    "too, as 4GB or 512MiB"
                )
            object.__setattr__(self, "max_memory", limit)

    @property
    def max_memory_bytes(self) -> int | None:
        """The limit as a number."""
        assert not isinstance(self.max_memory, str)
        return self.max_memory

    def open(
        self,
        on_event: OnEvent,
        cancel: CancelToken | None = None,
        *,
        in_place_of_auto: str = AUTO,
        pooling: Literal["max", "average"] = "max",
        loaded: LossNetwork | None = None,
    ) -> tuple[LossNetwork, torch.device, torch.dtype]:
        """The loss network on its device (one `loaded` already, if given), and what to use."""
        if self.threads:
            torch.set_num_threads(self.threads)
        device = choose_device(self.device)
        network = loaded

        def on_progress(done: int, total: int | None) -> None:
            if cancel is not None:
                cancel.check()
            note = "the loss network"
            on_event(Progress(task="download", done=done, total=total, note=note))

        if network is None:
            asked = in_place_of_auto if self.loss_network == AUTO else self.loss_network
            name = choose_loss_network(asked)
            if asked == AUTO:
                on_event(Notice(message=f"the loss network is {name}"))
            network = load_loss_network(
                name,
                family=self.loss_network_family or None,
                pooling=pooling,
                on_progress=on_progress,
            )
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network, device, choose_dtype(self.precision, device)


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
        None, "As relu4_2.", parse=parse_weights, default_text="by mode and network", group=LOOK
    )
    style_layers: LayerWeights | None = option(
        None,
        "As relu1_1,relu2_1:0.5.",
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
    optimizer: Optimizer | None = option(None, "Of every stage.", default_text="lbfgs", group=LOOK)
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
        unit="px",
        at_least=0,
        at_most=MAX_SIZE,
        default_text="a 24th of the long side for best, others 0",
        group=LOOK,
    )
    relative: bool = option(
        True,
        "Mode paper: errors relative to the target's, or of eq. 2 and 4 as they are.",
        flags=("--relative", "--absolute"),
        group=LOOK,
    )
    pooling: Literal["max", "average"] = option("max", "In VGG networks.", group=LOOK)

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in ("content", "style"):
            self._take_layers(kind)
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

    def _take_layers(self, kind: str) -> None:
        """Names alone have the weight 1."""
        layers = getattr(self, f"{kind}_layers")
        if layers is None:
            return
        weights = layer_weights(layers, kind)
        if not any(weights.values()):
            raise OptionError(
                f"`{kind}_layers`: got {weights}; give at least one with a weight above 0 (to "
                f"leave the {kind} out, give `{kind}_weight` 0)"
            )
        object.__setattr__(self, f"{kind}_layers", weights)
