"""How photos are inverted: one frozen record, and the same as keywords."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from impasto.errors import OptionError
from impasto.losses.weights import check_weight
from impasto.optimization.seeing import SeeingConfig


@dataclass(frozen=True, kw_only=True)
class InversionConfig(SeeingConfig):
    """How photos are inverted; refuses nonsense with OptionError when it is made.

    `layers` are inverted by optimisation, one after another; or a `model`, a file of `impasto
    train inversion`, gives its layer's inversion in one pass. size: long side of the results, px
    (None: the photo's own, without a model 512 at most). tv_weight: more is smoother (None: by the
    layer's depth).
    """

    layers: tuple[str, ...] = ()
    model: str | Path | None = None
    size: int | None = None
    tv_weight: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tv_weight is not None:
            check_weight(self.tv_weight, "--tv-weight")
        if bool(self.layers) == (self.model is not None):
            raise OptionError("name at least one --layer, or a --model, and not both")
        if len(set(self.layers)) != len(self.layers) or not all(self.layers):
            raise OptionError(f"got layers {list(self.layers)}; wanted names, each once")


class InversionOptions(TypedDict, total=False):
    """The fields of `InversionConfig` that `invert` takes as keywords."""

    loss_network: str
    loss_network_family: str
    iterations: int | None
    seed: int
    precision: str
    device: str
    threads: int
    model: str | Path | None
    size: int | None
    tv_weight: float | None
