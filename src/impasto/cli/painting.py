"""Work through the jobs: skip what is finished, report what fails, go on with the rest."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from impasto.cli.jobs import Job
from impasto.cli.root import EXIT_FAILED
from impasto.cli.sources import Failure, shown
from impasto.errors import ImpastoError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the jobs so far; filled while they run."""

    painted: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def unfinished(jobs: Sequence[Job], *, overwrite: bool, outcome: Outcome) -> list[Job]:
    """The jobs still to do; those whose target exists are noted as skipped in `outcome`.

    Targets are written atomically, so one that exists is complete.
    """
    todo = []
    for job in jobs:
        if not overwrite and os.path.isfile(job.target):
            outcome.skipped.append(job.target)
        else:
            todo.append(job)
    return todo


def paint_all(
    jobs: Sequence[Job], paint: Callable[[Job], None], outcome: Outcome, *, debug: bool
) -> None:
    """Do the jobs and tell how it went, after Ctrl-C too. Raises typer.Exit on failures."""

    def report(failure: Failure) -> None:
        if len(jobs) > 1:  # a single one is told below
            print(f"failed: {failure}", file=sys.stderr)

    try:
        with progress_bar(len(jobs)) as advance:
            run_jobs(jobs, paint, outcome=outcome, debug=debug, advance=advance, report=report)
    finally:
        typer.echo(summary(outcome))
        for failure in outcome.failures:
            print(f"impasto: {failure}", file=sys.stderr)
    if outcome.failures:
        raise typer.Exit(EXIT_FAILED)


def run_jobs(
    jobs: Sequence[Job],
    paint: Callable[[Job], None],
    *,
    outcome: Outcome,
    debug: bool = False,
    advance: Callable[[], None] = lambda: None,
    report: Callable[[Failure], None] = lambda failure: None,  # noqa: ARG005
) -> None:
    """Call `paint` on every job and note in `outcome` how it went; no failure ends the run.

    KeyboardInterrupt passes through, with `outcome` telling what was finished before it.
    """
    for job in jobs:
        try:
            paint(job)
        # One bad file must not end a long run, whatever it makes a decoder or the network raise.
        except Exception as error:
            if debug:
                traceback.print_exc()
            failure = Failure(name=shown(job.source), reason=_reason(error))
            outcome.failures.append(failure)
            report(failure)
        else:
            outcome.painted.append(job.target)
        advance()


def _reason(error: Exception) -> str:
    if isinstance(error, ImpastoError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "not enough memory; a smaller --size needs less"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    else:
        text = f"{type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.splitlines())


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """Yield what advances a bar on stderr; no bar for one picture, or where nobody watches."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("painting"), BarColumn(), MofNCompleteColumn(), Remaining())
    # stdout may be a file or a pipe; only lines for the terminal may go round the bar.
    shares_terminal = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), redirect_stdout=shares_terminal
    ) as progress:
        task = progress.add_task("painting", total=total)
        yield lambda: progress.advance(task)


def summary(outcome: Outcome) -> str:
    """One line for people: what was painted and where, what was there already, what failed."""
    done = len(outcome.painted)
    parts = [f"painted {done} picture{'s' * (done != 1)}{_where(outcome.painted)}"]
    if outcome.skipped:
        there = f"{len(outcome.skipped)} already there"
        if len(outcome.skipped) == 1:
            there = f"{shown(outcome.skipped[0])} is already there"
        parts.append(f"{there} (--overwrite paints again)")
    if outcome.failures:
        parts.append(f"{len(outcome.failures)} failed")
    return ", ".join(parts)


def _where(paths: Sequence[Path]) -> str:
    if not paths:
        return ""
    if len(paths) == 1:
        return f": {shown(paths[0])}"
    return f" in {shown(os.path.commonpath([path.parent for path in paths]) or '.')}{os.sep}"
