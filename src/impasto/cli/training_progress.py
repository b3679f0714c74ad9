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
    """The callback of a training run; a context manager, so that the live line is always ended.

    `baseline` names what the PSNR is compared with.
    """

    def __init__(self, *, baseline: str = "bicubic") -> None:
        self.baseline = baseline
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
                self._say(f"held out: {held_out} ({self._describe_untouched(event)})")
            case Notice():
                self._say(event.message)
            case Saved(kind="preview"):
                self._say(f"preview: {event.path}")
            case Saved():
                pass
            case Skipped():
                self.skipped[event.path] = event.reason

    def finish(self, model: Path, command: str) -> None:
        """Say where the result is, and the command that uses it."""
        print(f"trained: {model}\nuse it: {command}")

    def _describe_untouched(self, event: Validated) -> str:
        """What the networks' terms are to be compared with."""
        total = event.untouched["total"]
        if "psnr" in event.untouched:
            return f"{self.baseline}: psnr {event.untouched['psnr']:.2f}, total {total:.4f}"
        return f"untouched photos: total {total:.4f}"

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)


# not those of single layers
MAIN_TERMS = ("content", "style", "pixel", "valid", "hole", "unit_feature", "tv")


def _describe(step: Step) -> str:
    main = {name: step.terms[name] for name in MAIN_TERMS if step.terms.get(name)}
    terms = "  ".join(f"{name} {value:.4f}" for name, value in main.items())
    return f"loss {step.loss:.4f}  {terms}  {step.images_per_second:.1f} img/s"
