"""Work through the jobs: skip what is finished, report what fails, go on with the rest."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from impasto.cli.jobs import Job, plan
from impasto.cli.meter import Meter
from impasto.cli.root import EXIT_FAILED
from impasto.cli.sources import Failure, shown
from impasto.cli.wording import Wording
from impasto.errors import ImpastoError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the jobs so far; filled while they run."""

    done: list[Path] = field(default_factory=list)
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


def run_pictures(
    inputs: Sequence[str],
    labels: Mapping[str, str],
    work: Callable[[Job], None],
    wording: Wording,
    *,
    output: str | None,
    format: str | None,
    overwrite: bool,
    meter: Meter | None = None,
    debug: bool,
) -> None:
    """Plan the jobs, do those that are not finished, and tell how it went.

    `labels` has each model as typed, and what it adds to file names. Raises OptionError as `plan`
    does, typer.Exit on failures.
    """
    outcome = Outcome()
    jobs = plan(
        inputs,
        labels,
        output=output,
        default_folder=wording.folder,
        format=format,
        failures=outcome.failures,
    )
    jobs = unfinished(jobs, overwrite=overwrite, outcome=outcome)
    run_batch(jobs, work, outcome, wording, meter=meter or Meter(wording.doing), debug=debug)


def run_batch(
    jobs: Sequence[Job],
    work: Callable[[Job], None],
    outcome: Outcome,
    wording: Wording,
    *,
    meter: Meter,
    debug: bool,
) -> None:
    """Do the jobs and tell how it went, after Ctrl-C too. Raises typer.Exit on failures."""

    def report(failure: Failure) -> None:
        if len(jobs) > 1:  # a single one is told below
            print(f"failed: {failure}", file=sys.stderr)

    try:
        with meter.running(len(jobs)):
            run_jobs(jobs, work, outcome=outcome, debug=debug, advance=meter.advance, report=report)
    finally:
        typer.echo(summary(outcome, wording))
        for failure in outcome.failures:
            print(f"impasto: {failure}", file=sys.stderr)
    if outcome.failures:
        raise typer.Exit(EXIT_FAILED)


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Job], None],
    *,
    outcome: Outcome,
    debug: bool = False,
    advance: Callable[[], None] = lambda: None,
    report: Callable[[Failure], None] = lambda failure: None,  # noqa: ARG005
) -> None:
    """Call `work` on every job and note in `outcome` how it went; no failure ends the run.

    KeyboardInterrupt passes through, with `outcome` telling what was finished before it.
    """
    for job in jobs:
        try:
            work(job)
        # One bad file must not end a long run, whatever it makes a decoder or the network raise.
        except Exception as error:
            if debug:
                traceback.print_exc()
            failure = Failure(name=shown(job.source), reason=_reason(error))
            outcome.failures.append(failure)
            report(failure)
        else:
            outcome.done.append(job.target)
        advance()


def _reason(error: Exception) -> str:
    if isinstance(error, ImpastoError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "not enough memory for a picture of this size"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    else:
        text = f"{type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.splitlines())


def summary(outcome: Outcome, wording: Wording) -> str:
    """One line for people: what was done and where, what was there already, what failed."""
    count = len(outcome.done)
    parts = [f"{wording.done} {count} picture{'s' * (count != 1)}{_where(outcome.done)}"]
    if outcome.skipped:
        there = f"{len(outcome.skipped)} already there"
        if len(outcome.skipped) == 1:
            there = f"{shown(outcome.skipped[0])} is already there"
        parts.append(f"{there} (--overwrite {wording.verb}s again)")
    if outcome.failures:
        parts.append(f"{len(outcome.failures)} failed")
    return ", ".join(parts)


def _where(paths: Sequence[Path]) -> str:
    if not paths:
        return ""
    if len(paths) == 1:
        return f": {shown(paths[0])}"
    return f" in {shown(os.path.commonpath([path.parent for path in paths]) or '.')}{os.sep}"
