"""An optimisation of pixels on the terminal: one live line, what matters above it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

from impasto.optimization.events import Download, Event, Notice, OptimizationStep

_LINE_EVERY_S = 10.0  # where nobody watches


class OptimizationProgress:
    """Made by :meth:`running`; its `on_event` is the callback of an optimisation."""

    def __init__(self) -> None:
        self.latest: OptimizationStep | None = None
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
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

    def on_event(self, event: Event) -> None:
        """Show the event."""
        match event:
            case OptimizationStep():
                self.latest = event
                self._update(event.iteration, event.iterations, describe_step(event))
            case Download():
                text = f"downloading the loss network: {event.done / 1e6:.0f} MB"
                self._update(event.done, event.total, text)
            case Notice():
                self._console.print(f"note: {event.message}", markup=False, soft_wrap=True)

    def _update(self, done: int, total: int | None, what: str) -> None:
        self._progress.update(self._task, completed=done, total=total, what=what)
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._line_s > _LINE_EVERY_S or done == total):
            print(f"{done}/{total}  {what}", file=sys.stderr)
            self._line_s = now


def describe_step(step: OptimizationStep) -> str:
    """Stage, size, total and each term that is not 0; the terms of single layers in brackets.

    `style relu1_2` is the layer's part of `style`.
    """
    height, width = step.image.shape[-2:]
    stage = f"stage {step.stage}/{step.stages}  " if step.stages > 1 else ""
    whole = {name: value for name, value in step.terms.items() if " " not in name and value}
    parts = {name: value for name, value in step.terms.items() if " " in name}
    terms = "  ".join(f"{name} {_short(value)}" for name, value in whole.items())
    layers = " ".join(f"{name.split(' ', 1)[1]} {_short(value)}" for name, value in parts.items())
    speed = f"{step.images_per_second:.2f} it/s"
    shown = f"{stage}{width}x{height}  total {_short(step.total)}  {terms}"
    return f"{shown}  [{layers}]  {speed}" if layers else f"{shown}  {speed}"


def _short(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
