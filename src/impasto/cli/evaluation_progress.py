"""An evaluation on the terminal: one live line, what matters above it."""

import sys

import typer

from impasto.cli.live_line import LiveLine
from impasto.cli.root import EXIT_FAILED
from impasto.events import Event, Failed, Notice, Progress


class EvaluationProgress(LiveLine):
    """The callback of an evaluation, made by :meth:`running`."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Failed():
                self.failed += 1
                self.say(f"failed: {event.name}: {event.reason}")
            case Notice():
                self.say(event.message)
            case Progress(task="download"):
                text = f"downloading {event.note}: {event.done / 1e6:.1f} MB"
                self.update(event.done, event.total, text)
            case Progress():
                self.update(event.done, event.total, event.note)

    def finish(self) -> None:
        """Raises typer.Exit with the exit code of failures if there were any."""
        if self.failed:
            print(f"impasto: {self.failed} failed; the table lists them", file=sys.stderr)
            raise typer.Exit(EXIT_FAILED)
