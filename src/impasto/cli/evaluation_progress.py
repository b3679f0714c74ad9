"""An evaluation on the terminal: one live line, what matters above it."""

import sys

import typer

from impasto.cli.live_line import LiveLine
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


def comma_list(option: str, text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b"). Raises OptionError if an entry is empty."""
    entries = tuple(entry.strip() for entry in text.split(","))
    if not all(entries):
        raise OptionError(f"{option} {text!r}: wanted names with commas between them")
    return entries


class EvaluationProgress(LiveLine):
    """The callback of an evaluation, made by :meth:`running`."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Scored():
                what = f"{event.image}  {event.model}  {event.psnr:.2f} dB"
                self.update(event.done, event.total, what)
            case Failed():
                self.failed += 1
                by = f" by {event.model}" if event.model else ""
                self.say(f"failed: {event.image}{by}: {event.reason}")
                self.update(event.done, event.total, event.image)
            case Notice():
                self.say(event.message)
            case Progressed():
                note = f", {event.note}" if event.note else ""
                self.update(event.done, event.total, f"{event.what}{note}")
            case SetDownload():
                self.update(event.done, event.total, f"downloading {event.name}")
            case WeightsDownload():
                text = f"downloading the distance's weights: {event.done / 1e6:.1f} MB"
                self.update(event.done, event.total, text)

    def finish(self) -> None:
        """Raises typer.Exit with the exit code of failures if there were any."""
        if self.failed:
            print(f"impasto: {self.failed} failed; the table lists them", file=sys.stderr)
            raise typer.Exit(EXIT_FAILED)
