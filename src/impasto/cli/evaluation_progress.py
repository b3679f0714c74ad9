"""An evaluation on the terminal: one live line, what matters above it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from impasto.cli.root import EXIT_FAILED
from impasto.errors import OptionError
from impasto.evaluation.events import (
    Event,
    Failed,
    Notice,
    Progressed,
    Scored,
    SetDownload,
    WeightsDownload,
)

_LINE_EVERY_S = 10.0  # where nobody watches


def comma_list(option: str, text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b"). Raises OptionError if an entry is empty."""
    entries = tuple(entry.strip() for entry in text.split(","))
    if not all(entries):
        raise OptionError(f"{option} {text!r}: wanted names with commas between them")
    return entries


class EvaluationProgress:
    """The callback of an evaluation, made by :meth:`running`."""

    def __init__(self) -> None:
        self.failed = 0
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, what="")
        self._line_s = time.monotonic()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """One that shows its live line inside the `with` block, and ends it whatever happens."""
        watching = cls()
        with watching._progress:
            yield watching

    def __call__(self, event: Event) -> None:
        match event:
            case Scored():
                what = f"{event.image}  {event.model}  {event.psnr:.2f} dB"
                self._update(event.done, event.total, what)
            case Failed():
                self.failed += 1
                by = f" by {event.model}" if event.model else ""
                self._say(f"failed: {event.image}{by}: {event.reason}")
                self._update(event.done, event.total, event.image)
            case Notice():
                self._say(event.message)
            case Progressed():
                note = f", {event.note}" if event.note else ""
                self._update(event.done, event.total, f"{event.what}{note}")
            case SetDownload():
                self._update(event.done, event.total, f"downloading {event.name}")
            case WeightsDownload():
                text = f"downloading the distance's weights: {event.done / 1e6:.1f} MB"
                self._update(event.done, event.total, text)

    def finish(self) -> None:
        """Raises typer.Exit with the exit code of failures if there were any."""
        if self.failed:
            print(f"impasto: {self.failed} failed; the table lists them", file=sys.stderr)
            raise typer.Exit(EXIT_FAILED)

    def _update(self, done: int, total: int | None, what: str) -> None:
        self._progress.update(self._task, completed=done, total=total, what=what)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._line_s > _LINE_EVERY_S:
            print(f"{done}/{total}  {what}", file=sys.stderr)
            self._line_s = now

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)
