"""A progress bar on stderr over a number of pictures."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Meter:
    """Counts pictures, and shows how far the present one is; silent where nobody watches.

    `least`: no bar for fewer pictures, unless one of them tells how far it is. Work that can take
    minutes shows one for a single picture.
    """

    def __init__(self, doing: str, *, least: int = 2) -> None:
        self.doing = doing
        self.least = least
        self._finished = 0
        self._bar: tuple[Progress, TaskID] | None = None
        self._show: Callable[[], None] | None = None

    @contextmanager
    def running(self, total: int) -> Iterator[None]:
        """Show the bar inside the `with` block."""
        if not sys.stderr.isatty():
            yield
            return
        with ExitStack() as stack:
            self._show = lambda: self._open(stack, total)
            if total >= self.least:
                self._show()
            try:
                yield
            finally:
                self._bar = self._show = None

    def _open(self, stack: ExitStack, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn(self.doing), BarColumn(), MofNCompleteColumn(), Remaining())
        # stdout may be a file or a pipe; only lines for the terminal may go round the bar.
        shares_terminal = sys.stdout.isatty()
        progress = Progress(*columns, console=Console(stderr=True), redirect_stdout=shares_terminal)
        stack.enter_context(progress)
        self._bar = (progress, progress.add_task(self.doing, total=total))

    def advance(self) -> None:
        """One more picture is finished."""
        self._finished += 1
        self.share(0.0)

    def share(self, part: float) -> None:
        """That part of the present picture, from 0 to 1, is done."""
        if part > 0 and self._bar is None and self._show is not None:
            self._show()  # it takes long enough to tell
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, completed=self._finished + part)
