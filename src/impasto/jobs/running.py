"""Work through the jobs: skip what is finished, report what fails, go on with the rest."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.errors import ImpastoError
from impasto.events import (
    Cancelled,
    CancelToken,
    Failed,
    OnEvent,
    Progress,
    Saved,
    Skipped,
    ignore,
)
from impasto.jobs.finding import shown
from impasto.jobs.naming import Job


@dataclass(kw_only=True)
class Report:
    """What became of the jobs so far; filled while they run.

    done, skipped: the results that were made, and those that were there already. cancelled: what
    ended the work before its end, if the token was used; its text says what is kept.
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    cancelled: Cancelled | None = None


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Job], object],
    *,
    overwrite: bool = False,
    report: Report | None = None,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> Report:
    """Call `work` on every job whose target is not there; no failure ends the run.

    Targets are written atomically, so one that exists is complete, unless `overwrite`. Reports
    Skipped, Failed, Saved(kind="picture"), and Progress(task="pictures") before and after each job.
    After `cancel` the report comes back at the next place where nothing is lost: between two jobs,
    or where `work` raises Cancelled. report: one to be filled, which tells what was finished also
    when a KeyboardInterrupt passes through.
    """
    report = Report() if report is None else report
    for failure in report.failures:  # inputs that name nothing
        on_event(failure)
    todo = _unfinished(jobs, report, on_event, overwrite=overwrite)
    for index, job in enumerate(todo):
        on_event(Progress(task="pictures", done=index, total=len(todo), note=shown(job.source)))
        try:
            if cancel is not None:
                cancel.check()
            work(job)
        except Cancelled as stop:
            report.cancelled = stop
            return report
        # One bad file must not end a long run, whatever it makes a decoder or the network raise.
        except Exception as error:
            failure = Failed(name=shown(job.source), reason=_reason(error), error=error)
            report.failures.append(failure)
            on_event(failure)
        else:
            report.done.append(job.target)
            on_event(Saved(kind="picture", path=job.target))
    if todo:
        on_event(Progress(task="pictures", done=len(todo), total=len(todo)))
    return report


def _unfinished(
    jobs: Sequence[Job], report: Report, on_event: OnEvent, *, overwrite: bool
) -> list[Job]:
    todo = []
    for job in jobs:
        if not overwrite and os.path.isfile(job.target):
            report.skipped.append(job.target)
            on_event(Skipped(path=job.source, reason=f"{shown(job.target)} is already there"))
        else:
            todo.append(job)
    return todo


def _reason(error: Exception) -> str:
    if isinstance(error, ImpastoError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "not enough memory for a picture of this size"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.splitlines())
