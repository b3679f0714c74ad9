"""Long work on the terminal: shows any event of `impasto.events`, one live line, the rest above it.

Rich is imported when there is something to draw, so that short work never pays for it.
"""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from impasto.cli.flags import named_for
from impasto.events import Event, Failed, Notice, Progress, Saved, Scored, Skipped, Step, Validated

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_LONG_S = 1.0  # a single picture that takes longer has a line


class LiveLine:
    """The `on_event` of long work; a context manager, so that the line is ended whatever happens.

    doing: what is done to pictures, as "painting"; a single one has a line only if it takes longer
    than a second. every_s: where nobody watches, a line at most so often, and at the end; None:
    none. baseline: what a training's PSNR is compared with. command: whose flags stand for the
    names of options.
    """

    def __init__(
        self,
        doing: str = "",
        *,
        every_s: float | None = 10.0,
        baseline: str = "bicubic",
        command: Any = None,
    ) -> None:
        self.doing, self.every_s, self.baseline, self.command = doing, every_s, baseline, command
        self.failures: list[Failed] = []
        self.skipped: dict[Path, str] = {}
        self._watched = False
        self._bar: Bar | None = None
        self._task: Any = None
        self._pictures = (0.0, 1.0)  # finished, of how many
        self._score = ""  # the latest
        self._line_s = self._begun_s = time.monotonic()

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
        if self.skipped:
            count = len(self.skipped)
            self.say(f"{count} photo{'s' * (count != 1)} could not be read:")
            for reason in self.skipped.values():
                self.say(f"  {reason}")

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._progress(event)
            case Step():
                self._draw(event.iteration, event.iterations, describe_step(event))
            case Scored():
                self._score = f"{event.image}  {event.model}  {event.psnr:.2f} dB"
            case Validated():
                self.say(describe_validation(event, self.baseline))
            case Notice():
                self.say(f"note: {event.message}")
            case Failed():
                self.failures.append(event)
                self.say(f"failed: {event}")
            case Skipped():
                self.skipped[event.path] = event.reason
            case Saved(kind="preview"):
                self.say(f"preview: {event.path}")

    def say(self, text: str) -> None:
        """Write a line above the live one."""
        text = text if self.command is None else named_for(self.command, text)
        if self._bar is None:
            print(text, file=sys.stderr)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @staticmethod
    def stopping() -> None:
        """Answer Ctrl-C, inside its handler: there only a plain write is safe."""
        os.write(2, b"\nimpasto: stopping as soon as nothing is lost; Ctrl-C again stops at once\n")

    def _progress(self, event: Progress) -> None:
        match event.task:
            case "pictures":
                self._pictures = event.done, event.total or 1
                if self._is_long():
                    self._draw(*self._pictures, self.doing)
            case "picture":
                if self._is_long():
                    finished, total = self._pictures
                    self._draw(finished + min(event.done, 0.999), total, self.doing)
            case "download":
                size = None if event.total is None else event.total / 1e6
                self._draw(event.done / 1e6, size, f"MB of {event.note or 'a file'} downloaded")
            case task:
                self._draw(event.done, event.total, event.note or self._score or task)

    def _is_long(self) -> bool:
        """Whether it is worth a line, and Rich's import."""
        long = time.monotonic() - self._begun_s > _LONG_S
        return self._bar is not None or self._pictures[1] > 1 or long

    def _draw(self, done: float, total: float | None, what: str) -> None:
        """Move the bar; where nobody watches, write a line now and then, and at the end."""
        if self._watched:
            bar = self._bar or self._open()
            bar.update(self._task, completed=done, total=total, what=what)
            return
        now = time.monotonic()
        due = self.every_s is not None and now - self._line_s >= self.every_s
        if due or (done == total and self.every_s is not None):
            of = "" if total is None else f"/{total:.0f}"
            print(f"{done:.0f}{of}  {what}", file=sys.stderr)
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


def describe_validation(event: Validated, baseline: str) -> str:
    """The terms of the held-out photos, and what they are to be compared with."""
    terms = "  ".join(f"{name} {value:.4f}" for name, value in event.terms.items())
    total = event.untouched["total"]
    if "psnr" in event.untouched:
        beside = f"{baseline}: psnr {event.untouched['psnr']:.2f}, total {total:.4f}"
    else:
        beside = f"untouched photos: total {total:.4f}"
    return f"held out: {terms} ({beside})"


def _short(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
