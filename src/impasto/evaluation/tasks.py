"""A reproduction as a list of pieces: what is kept is skipped, what is done is saved at once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from impasto.evaluation.environment import describe_environment
from impasto.evaluation.events import OnEvent, Progressed
from impasto.evaluation.record import Record

_SAVE_EVERY_S = 5.0  # where pieces take less than that

Say = Callable[[str], None]  # what a piece is at: "iteration 20 of 100"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece: it becomes the entry `key` of the record, with what `run` gives.

    `of` is all that the result depends on, as JSON. `work` says how long it takes, for estimates:
    in megapixels that go once through a loss network and back.
    """

    key: str
    of: dict[str, Any]
    work: float
    run: Callable[[Say], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A record and the pieces that it wants, in their order."""

    record: Record
    tasks: Sequence[Task]
    device: torch.device

    def pending(self) -> list[Task]:
        """What is not in the record yet."""
        return [task for task in self.tasks if not self.record.holds(task.key, task.of)]

    def work(self) -> float:
        """Of what is pending."""
        return sum(task.work for task in self.pending())


def carry_out(plan: Plan, on_event: OnEvent) -> None:
    """Do what is pending, and save: every few seconds, and whatever ends the run."""
    record, pending = plan.record, plan.pending()
    total, kept = len(plan.tasks), len(plan.tasks) - len(pending)
    left = plan.work()
    environment = record.environment(describe_environment(plan.device))
    record.save()  # a folder that cannot be written is told now
    begin = saved = time.monotonic()
    worked = 0.0
    try:
        for number, task in enumerate(pending, start=kept):
            started = time.perf_counter()
            pace = (time.monotonic() - begin) / worked if worked else 0.0

            def say(
                text: str,
                key: str = task.key,
                done: int = number,
                since: float = started,
                estimated: float = left * pace,
            ) -> None:
                eta = estimated - (time.perf_counter() - since)
                left_text = f"{duration(eta)} left" if eta > 0 else ""
                note = ", ".join(part for part in (text, left_text) if part)
                what = f"{record.name}: {key}"
                on_event(Progressed(what=what, note=note, done=done, total=total))

            say("")
            record.entries.pop(task.key, None)
            result = task.run(say)
            seconds = round(time.perf_counter() - started, 3)
            shared = {"of": task.of, "environment": environment, "seconds": seconds}
            record.entries[task.key] = {**shared, **result}
            worked, left = worked + task.work, left - task.work
            if time.monotonic() - saved > _SAVE_EVERY_S:
                record.save()
                saved = time.monotonic()
    finally:
        record.save()
    on_event(Progressed(what=f"{record.name}: done", note="", done=total, total=total))


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h": as exact as an estimate can be."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
