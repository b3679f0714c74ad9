"""What a run of pixel optimisation reports to whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class OptimizationStep:
    """One iteration is done.

    `iteration` counts over all stages, up to `iterations`; `terms` are unweighted; `image` is the
    current (1, 3, H, W) in [0, 1] on its device (its size grows from stage to stage), and must
    not be changed.
    """

    iteration: int
    iterations: int
    stage: int  # from 1
    stages: int
    total: float
    terms: dict[str, float]
    image: Tensor
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person should know, with what to do about it."""

    message: str


@dataclass(frozen=True)
class Download:
    """The loss network is on its way: bytes there, bytes in all (None: not known)."""

    done: int
    total: int | None


Event = Download | Notice | OptimizationStep
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Report to nobody."""
