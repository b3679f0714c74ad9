"""What an evaluation reports to whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SetDownload:
    """A test set on its way: images there, images in all."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class WeightsDownload:
    """Weights of a perceptual distance on their way: bytes there, bytes in all (None: not told)."""

    done: int
    total: int | None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An image is done with a model; `kept`: it was in the results already."""

    image: str
    model: str
    done: int
    total: int
    psnr: float
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An image could not be read, or a model could not enlarge it; the run goes on."""

    image: str
    model: str | None  # None: the image itself
    reason: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person should know."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Progressed:
    """A reproduction goes on: `done` of `total` pieces, and which is next; `note`: where it is."""

    what: str
    note: str
    done: int
    total: int


Event = SetDownload | WeightsDownload | Scored | Failed | Notice | Progressed
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
    del event
