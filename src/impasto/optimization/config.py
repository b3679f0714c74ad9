"""How an image is to be optimised: one frozen record."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from impasto.errors import OptionError
from impasto.losses.weights import layer_weights
from impasto.machine.devices import PRECISIONS
from impasto.optimization.layers import Mode

MODES: tuple[Mode, ...] = ("best", "paper", "gatys")
Colors = Literal["style", "luminance", "recolored"]
COLORS: tuple[Colors, ...] = ("style", "luminance", "recolored")
Optimizer = Literal["adam", "lbfgs"]
OPTIMIZERS: tuple[Optimizer, ...] = ("adam", "lbfgs")
MAX_SIZE = 8192
ADAM_RATE = 0.02  # on pixels in [0, 1]
LEAST_PX = 16  # of the shorter side: below, the loss networks' poolings leave nothing


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig:
    """Options of `optimize_image`; refuses nonsense with OptionError when it is made.

    None takes the mode's default (see `impasto.optimization.modes`), for layers also the loss
    network's. Weights are of relative errors in the modes best and paper (see PerceptualLoss:
    0 is a perfect match, 1 an empty picture), alpha and beta in the mode gatys.
    """

    mode: Mode = "best"
    loss_network: str = "auto"
    loss_network_family: str = ""
    size: int | None = None  # long side of the result, px; None: the photo's own, 512 at most
    iterations: int | None = None  # over all stages
    init: str | None = None  # "content" or "noise"; an image is given beside the config
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    content_layers: Mapping[str, float] | Sequence[str] | None = None  # names, or their weights
    style_layers: Mapping[str, float] | Sequence[str] | None = None
    style_image_weights: tuple[float, ...] = ()
    style_scale: float = 1.0  # the painting's long side as a multiple of the result's
    colors: Colors = "style"
    optimizer: Optimizer | None = None  # of every stage
    learning_rate: float | None = None  # Adam's, by default 0.02 for pixels in [0, 1]
    start_size: int | None = None  # long side of the first stage, px
    border: int | None = None  # px painted beyond each edge and cut off; None: by mode
    relative: bool = True  # mode paper only: False is eq. 2 and 4 to the letter
    pooling: Literal["max", "average"] = "max"
    precision: str = "auto"
    device: str = "auto"
    threads: int = 0
    seed: int = 0
    max_memory_bytes: int | None = None  # None: what is free

    def __post_init__(self) -> None:
        _check_choice("mode", self.mode, MODES)
        _check_choice("colors", self.colors, COLORS)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("init", self.init, (None, "content", "noise"))
        _check_choice("optimizer", self.optimizer, (None, *OPTIMIZERS))
        _check_choice("pooling", self.pooling, ("max", "average"))
        for name, least in (("size", LEAST_PX), ("start_size", LEAST_PX), ("iterations", 1)):
            _check_whole(name, getattr(self, name), least)
        if self.size is not None and self.size > MAX_SIZE:
            raise OptionError(f"--size {self.size}: {MAX_SIZE} px at most")
        for name in ("content_weight", "style_weight", "tv_weight"):
            _check_weight(name, getattr(self, name))
        for weight in self.style_image_weights:
            _check_weight("style_image_weights", weight)
        _check_whole("threads", self.threads, 0)
        _check_whole("border", self.border, 0)
        if self.border is not None and self.border > MAX_SIZE:
            raise OptionError(f"--border {self.border}: {MAX_SIZE} px at most")
        for name in ("learning_rate", "style_scale"):
            _check_positive(name, getattr(self, name))
        if self.style_scale > 8:
            raise OptionError(f"--style-scale {self.style_scale}: 8 at most")
        for name in ("content", "style"):
            self._take_layers(name)
        self._check_what_goes_together()

    def _take_layers(self, kind: str) -> None:
        """Names alone have the weight 1."""
        layers = getattr(self, f"{kind}_layers")
        if layers is None:
            return
        weights = layer_weights(layers, kind)
        if not any(weights.values()):
            raise OptionError(
                f"--{kind}-layers: got {weights}; give at least one with a weight above 0 (to "
                f"leave the {kind} out, give --{kind}-weight 0)"
            )
        object.__setattr__(self, f"{kind}_layers", weights)

    def _check_what_goes_together(self) -> None:
        if not self.relative and self.mode != "paper":
            raise OptionError(f"--absolute is for --mode paper, not for {self.mode}")
        if self.learning_rate is not None and self.optimizer != "adam":
            raise OptionError("--learning-rate is Adam's; give --optimizer adam, or leave it out")
        if self.size is not None and self.start_size is not None and self.start_size > self.size:
            raise OptionError(
                f"--start-size {self.start_size} is above --size {self.size}; give at most that"
            )
        if self.loss_network_family and self.loss_network == "auto":
            raise OptionError(
                "--loss-network-family tells about a file; give it with --loss-network"
            )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        named = [choice for choice in choices if choice is not None]
        raise OptionError(f"{_flag(name)}: got {value!r}; choose from {named}")


def _check_whole(name: str, value: object, least: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if value is not None and not whole:
        raise OptionError(f"{_flag(name)}: got {value!r}; wanted a whole number from {least} on")


def _check_positive(name: str, value: object) -> None:
    number = isinstance(value, int | float) and math.isfinite(value) and value > 0
    if value is not None and not number:
        raise OptionError(f"{_flag(name)} must be above 0, got {value!r}")


def _check_weight(name: str, value: float | None) -> None:
    if value is not None and not (
        isinstance(value, int | float) and math.isfinite(value) and value >= 0
    ):
        raise OptionError(f"{_flag(name)}: got {value!r}; wanted a finite number, 0 or above")
