"""Long work on the terminal: shows any event of `impasto.events`, one live line, the rest above it.

Rich is imported when there is something to draw, so that short work never pays for it.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from impasto.events import Event, Failed, Notice, Progress, Saved, Scored, Skipped, Step, Validated

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_LINE_EVERY_S = 10.0  # where nobody watches


class LiveLine:
    """The `on_event` of long work; a context manager, so that the line is ended whatever happens.

    doing: in front of a number of pictures, as "painting". least: no line for fewer pictures,
    unless one of them tells how far it is. quiet: write no lines of progress where nobody watches.
    """

    def __init__(self, doing: str = "", *, least: int = 2, quiet: bool = False) -> None:
        self.doing, self.least, self.quiet = doing, least, quiet
        self.failures: list[Failed] = []
        self.skipped: list[Skipped] = []
        self._watched = False
        self._bar: Bar | None = None
        self._task: Any = None
        self._pictures = (0.0, 1.0)  # finished, of how many
        self._score = ""  # the latest
        self._line_s = time.monotonic()

    def __enter__(self) -> Self:
        self._watched = sys.stderr.isatty()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._watched, self._bar = False, None

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case Step():
                self._draw(event.iteration, event.iterations, describe_step(event))
            case Scored():
                self._score = f"{event.image}  {event.model}  {event.psnr:.2f} dB"
            case Validated():
                terms = "  ".join(f"{name} {_short(value)}" for name, value in event.terms.items())
                self.say(f"held out: {terms}")
            case Notice():
                self.say(f"note: {event.message}")
            case Failed():
                self.failures.append(event)
                self.say(f"failed: {event}")
            case Skipped():
                self.skipped.append(event)
            case Saved(kind="preview"):
                self.say(f"preview: {event.path}")

    def say(self, text: str) -> None:
        """Write a line above the live one."""
        if self._bar is None:
            print(text, file=sys.stderr)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _progress(self, event: Progress) -> None:
        match event.task:
            case "pictures":
                self._pictures = event.done, event.total or 1
                if self._bar is not None or self._pictures[1] >= self.least:
                    self._draw(*self._pictures, self.doing)
            case "picture":
                if event.done > 0:  # it takes long enough to tell
                    finished, total = self._pictures
                    self._draw(finished + min(event.done, 0.999), total, self.doing)
            case "download":
                note = f" {event.note}" if event.note else ""
                text = f"downloading{note}: {event.done / 1e6:.1f} MB"
                self._draw(event.done, event.total, text)
            case task:
                self._draw(event.done, event.total, event.note or self._score or task)

    def _draw(self, done: float, total: float | None, what: str) -> None:
        """Move the bar; where nobody watches, write a line every ten seconds and at the end."""
        if self._watched:
            bar = self._bar or self._open()
            bar.update(self._task, completed=done, total=total, what=what)
            return
        now = time.monotonic()
        if not self.quiet and (now - self._line_s > _LINE_EVERY_S or done == total):
            of = "" if total is None else f"/{total:g}"
            print(f"{done:g}{of}  {what}", file=sys.stderr)
            self._line_s = now

    def _open(self) -> "Bar":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.progress import TimeElapsedColumn as Elapsed
        from rich.progress import TimeRemainingColumn as Remaining

        text = TextColumn("{task.fields[what]}", markup=False)
        columns = (BarColumn(20), MofNCompleteColumn(), text, Elapsed(), TextColumn("left"))
        # stdout may be a file or a pipe; only lines for the terminal may go round the bar.
        shares_terminal = sys.stdout.isatty()
        console = Console(stderr=True, highlight=False)
        self._bar = Bar(*columns, Remaining(), console=console, redirect_stdout=shares_terminal)
        self._task = self._bar.add_task("", total=None, what="")
        self._bar.start()
        return self._bar


def describe_step(step: Step) -> str:
    """The loss and each term that is not 0; of an optimisation also stage, size and layers.

    "style relu1_2" is the layer's part of "style".
    """
    whole = {name: value for name, value in step.terms.items() if " " not in name and value}
    terms = [f"loss {_short(step.loss)}"]
    terms += [f"{name} {_short(value)}" for name, value in whole.items()]
    if step.image is None:
        return "  ".join([*terms, f"{step.images_per_second:.1f} img/s"])
    height, width = step.image.shape[-2:]
    stage = [f"stage {step.stage}/{step.stages}"] if step.stages > 1 else []
    parts = {name: value for name, value in step.terms.items() if " " in name}
    layers = " ".join(f"{name.split(' ', 1)[1]} {_short(value)}" for name, value in parts.items())
    speed = f"{step.images_per_second:.2f} it/s"
    return "  ".join(
        [*stage, f"{width}x{height}", *terms, *([f"[{layers}]"] if layers else []), speed]
    )


def _short(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
