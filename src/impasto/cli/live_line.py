"""Long work on the terminal: one live line, what matters above it."""

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

_LINE_EVERY_S = 10.0  # where nobody watches


class LiveLine:
    """What the callbacks of long work write to, made by :meth:`running`."""

    def __init__(self) -> None:
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

    def update(self, done: int, total: int | None, what: str) -> None:
        """Move the bar; where nobody watches, write a line every ten seconds and at the end."""
        self._progress.update(self._task, completed=done, total=total, what=what)
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._line_s > _LINE_EVERY_S or done == total):
            print(f"{done}/{total}  {what}", file=sys.stderr)
            self._line_s = now

    def say(self, text: str) -> None:
        """Write a line above the live one."""
        self._console.print(text, markup=False, soft_wrap=True)
