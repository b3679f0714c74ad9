"""What long work reports to whoever watches, and how it is told to stop. Never imports torch.

Training, optimisation, painting, evaluation and jobs take `on_event`, a function that is called
with each event, and `cancel`, a token that any thread may use. Whoever watches picks by type what
it shows and passes over the rest.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Work goes on: `done` of `total` (None: not known) of one thing.

    task: what is counted, as "download", "pictures", "picture" (one picture's own share, `total`
    1.0), "images", "pieces". note: where it is, for people.
    """

    task: str
    done: float
    total: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One iteration of training or optimisation is done. `terms` are unweighted.

    image: of an optimisation the current (1, 3, H, W) in [0, 1], not to be changed. stage, stages:
    of an optimisation, from 1. learning_rate, gradient_norm, crop_px: of a training; its loss and
    terms are means since the last report.
    """

    iteration: int  # how many are done, of all stages
    iterations: int
    loss: float
    terms: dict[str, float]
    images_per_second: float
    learning_rate: float = 0.0
    gradient_norm: float = 0.0
    crop_px: int = 0
    stage: int = 1
    stages: int = 1
    image: "Tensor | None" = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Mean unweighted terms over the held-out photos, and those of the untouched photos."""

    iteration: int
    terms: dict[str, float]
    untouched: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A file was written. kind: "checkpoint", "preview", "model" or "picture"."""

    kind: str
    path: Path
    iteration: int = 0


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person should know, with what to do about it."""

    message: str
    iteration: int = 0


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """An input was left out, and the work goes on without it."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """One input or piece could not be done; the work goes on with the next.

    error: what was raised, where something was.
    """

    name: str
    reason: str
    error: Exception | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        named = self.reason.startswith(self.name)  # errors about files name them first
        return self.reason if named else f"{self.name}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An image is measured with a model; `kept`: it was in the results already."""

    image: str
    model: str
    psnr: float
    kept: bool


Event = Progress | Step | Validated | Saved | Notice | Skipped | Failed | Scored
OnEvent = Callable[[Event], object]


def ignore(event: Event) -> None:
    """Watch nothing."""
    del event


class Cancelled(KeyboardInterrupt):
    """The work was told to stop, and has; what was finished before is kept.

    A KeyboardInterrupt, so that whatever handles Ctrl-C handles it, and nothing that goes on after
    the failure of one input takes it for one.
    """


class CancelToken:
    """Tells work to stop: `cancel()` from any thread, or Ctrl-C inside `held_back`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at the next place where nothing is lost."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled if it was asked to stop."""
        if self.cancelled:
            raise Cancelled

    @contextmanager
    def held_back(self, told: Callable[[], object] | None = None) -> Iterator["CancelToken"]:
        """Ctrl-C only sets this token, so that an iteration is finished and saved; a second one
        interrupts at once.

        told: is called at the first one, inside the signal handler: it may write to a descriptor.
        Only where Ctrl-C would raise KeyboardInterrupt here: in the main thread, if the program
        around has no handler of its own. Elsewhere nothing changes.
        """
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield self
            return

        def press(number: int, frame: FrameType | None) -> None:
            if self.cancelled:
                signal.default_int_handler(number, frame)
            self.cancel()
            if told is not None:
                told()

        signal.signal(signal.SIGINT, press)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
