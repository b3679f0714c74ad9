"""A training run on the terminal: one live line, what matters above it, a summary at the end."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from impasto.training.events import Download, Event, Notice, Saved, Skipped, Step, Validated


class TrainingProgress:
    """The callback of a training run; a context manager, so that the live line is always ended."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.skipped: dict[Path, str] = {}
        self._progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[terms]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, terms="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self.skipped:
            print(f"{len(self.skipped)} photos could not be read:", file=sys.stderr)
            for reason in self.skipped.values():
                print(f"  {reason}", file=sys.stderr)

    def __call__(self, event: Event) -> None:
        match event:
            case Step():
                terms = _describe(event)
                self._progress.update(
                    self._task, completed=event.iteration, total=event.iterations, terms=terms
                )
                if not self.console.is_terminal:
                    print(f"{event.iteration}/{event.iterations}  {terms}", file=sys.stderr)
            case Download():
                text = f"downloading the loss network: {event.done / 1e6:.0f} MB"
                self._progress.update(
                    self._task, completed=event.done, total=event.total, terms=text
                )
            case Validated():
                held_out = "  ".join(f"{name} {value:.4f}" for name, value in event.terms.items())
                untouched = event.untouched["total"]
                self._say(f"held out: {held_out} (untouched photos: total {untouched:.4f})")
            case Notice():
                self._say(event.message)
            case Saved(kind="preview"):
                self._say(f"preview: {event.path}")
            case Saved():
                pass
            case Skipped():
                self.skipped[event.path] = event.reason

    def finish(self, model: Path) -> None:
        """Say where the result is, and how to use it."""
        print(f"trained: {model}\npaint with it: impasto stylize PHOTO --style {model}")

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)


def _describe(step: Step) -> str:
    main = {name: step.terms[name] for name in ("content", "style", "tv") if step.terms.get(name)}
    terms = "  ".join(f"{name} {value:.3f}" for name, value in main.items())
    return f"loss {step.loss:.4f}  {terms}  {step.images_per_second:.1f} img/s"
