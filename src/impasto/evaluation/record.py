"""Measurements as one JSON file of entries, each whole, kept as soon as it is; and the pictures
that it names.

An entry says what it is the result of (`of`: hashes of its inputs, and all that decides it), so a
later run knows whether it still holds. Settings that all entries share (precision, iterations) must
agree before a run may go on: figures of two ways of measuring never meet in one file.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, OptionError
from impasto.evaluation.environment import describe_environment, number_of
from impasto.events import CancelToken, OnEvent, Progress
from impasto.files.atomic import write_text
from impasto.media import write_picture

FORMAT = "impasto-reproduction-1"
_ANOTHER = "give another output folder, or `overwrite`"
_ANOTHER_FILE = "give a file as it was written"
_SAVE_EVERY_S = 5.0  # where pieces take less than that

_Group = TypeVar("_Group")
Say = Callable[[str], None]  # what a piece is at: "iteration 20 of 100"


@dataclass(kw_only=True)
class Record:
    """A file of measurements, `name` says of what, in memory; pictures lie in a folder beside."""

    path: Path
    name: str
    settings: dict[str, Any]
    environments: list[dict[str, Any]] = field(default_factory=list)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def pictures(self) -> Path:
        """The folder of the pictures that entries name."""
        return self.path.parent / f"{self.path.stem}-pictures"

    def holds(self, key: str, of: dict[str, Any]) -> bool:
        """Whether there is an entry of exactly these inputs, with its pictures unchanged."""
        entry = self.entries.get(key)
        if entry is None or entry["of"] != json.loads(json.dumps(of)):
            return False
        pictures = entry.get("pictures", {}).values()
        return all(is_kept(picture, self.path.parent) for picture in pictures)

    def grouped(
        self, by: Callable[[dict[str, Any]], _Group]
    ) -> dict[_Group, dict[str, dict[str, Any]]]:
        """Entries by what `by` makes of their inputs, then by kind."""
        found: dict[_Group, dict[str, dict[str, Any]]] = {}
        for entry in self.entries.values():
            found.setdefault(by(entry["of"]), {})[entry["of"]["kind"]] = entry
        return found

    def save(self) -> None:
        """Write atomically. Raises OptionError if the file cannot be written."""
        content = {
            "format": FORMAT,
            "reproduction": self.name,
            "settings": self.settings,
            "environments": self.environments,
            "entries": self.entries,
        }
        save_json(self.path, content)


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write atomically, infinite numbers as null. Raises OptionError if it cannot be written."""
    text = json.dumps(_without_infinity(content), indent=1, allow_nan=False)
    try:
        write_text(path, text + "\n")
    except OSError as error:
        raise OptionError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place"
        ) from error


def _without_infinity(value: Any) -> Any:
    """JSON has no infinity: null instead, also within lists and objects."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_infinity(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(inner) for inner in value]
    return value


def read_json(path: Path, wanted: str, what: str, remedy: str) -> dict[str, Any]:
    """The JSON object in a file of the format `wanted`. Raises OptionError, with this remedy."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path}: no JSON ({error}); {remedy}") from error
    kind = found.get("format") if isinstance(found, dict) else type(found).__name__
    if not isinstance(found, dict) or kind != wanted:
        raise OptionError(
            f"{path}: no {what} (its format is {kind!r}, wanted {wanted!r}); {remedy}"
        )
    return found


def read_record(path: Path, *, remedy: str = _ANOTHER_FILE) -> Record:
    """Raises OptionError, with this remedy, for a file that is missing or no such record."""
    found = read_json(path, FORMAT, "record of measurements", remedy)
    try:
        return Record(
            path=path,
            name=str(found["reproduction"]),
            settings=dict(found["settings"]),
            environments=list(found["environments"]),
            entries={key: _whole(key, entry) for key, entry in found["entries"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"{path}: damaged ({error!r}); {remedy}") from error


def _whole(key: str, entry: Any) -> dict[str, Any]:
    """The entry; raises ValueError unless it is one, and names files as entries do."""
    named = entry.get("pictures", {})
    whole = isinstance(entry["of"], dict) and isinstance(named, dict)
    if not whole or not all(isinstance(picture, dict) for picture in named.values()):
        raise ValueError(f"entry {key!r}")
    return dict(entry)


def open_record(path: Path, name: str, settings: dict[str, Any], *, overwrite: bool) -> Record:
    """The record in `path` to go on with, or an empty one; new settings are added to its own.

    Nothing is written yet. Raises OptionError if a setting of both differs, or if the file is
    of other measurements.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise OptionError(f"`output` {path.parent}: is a file; wanted a folder")
    settings = json.loads(json.dumps(settings))
    if overwrite or not path.exists():
        return Record(path=path, name=name, settings=settings)
    record = read_record(path, remedy=_ANOTHER)
    if record.name != name:
        raise OptionError(f"{path} is of the reproduction {record.name!r}; {_ANOTHER}")
    differing = [
        f"{key} was {record.settings[key]!r}, is {value!r}"
        for key, value in settings.items()
        if key in record.settings and record.settings[key] != value
    ]
    if differing:
        raise OptionError(
            f"{path} was measured with other settings: {'; '.join(differing)}; {_ANOTHER}"
        )
    record.settings |= settings
    return record


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
        """Work of what is pending."""
        return sum(task.work for task in self.pending())


def carry_out(plan: Plan, on_event: OnEvent, cancel: CancelToken | None = None) -> None:
    """Do what is pending, and save: every few seconds, and whatever ends the run.

    Raises Cancelled soon after `cancel` was told to, within a piece too.
    """
    record, pending, total = plan.record, plan.pending(), len(plan.tasks)
    environment = number_of(record.environments, describe_environment(plan.device))
    record.save()  # a folder that cannot be written is told now
    begin = saved = time.monotonic()
    worked, left = 0.0, plan.work()
    try:
        for number, task in enumerate(pending, start=total - len(pending)):
            started = time.perf_counter()
            pace = (time.monotonic() - begin) / worked if worked else 0.0

            def say(
                text: str,
                key: str = task.key,
                done: int = number,
                since: float = started,
                estimated: float = left * pace,
            ) -> None:
                if cancel is not None:
                    cancel.check()
                eta = estimated - (time.perf_counter() - since)
                parts = f"{record.name}: {key}", text, f"{duration(eta)} left" if eta > 0 else ""
                note = ", ".join(part for part in parts if part)
                on_event(Progress(task="pieces", done=done, total=total, note=note))

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
    on_event(Progress(task="pieces", done=total, total=total, note=f"{record.name}: done"))


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h": as exact as an estimate can be."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def keep_picture(path: Path, pixels: Tensor, beside: Path) -> dict[str, Any]:
    """Write a PNG and describe it: its path relative to the folder `beside`, and its sha256.

    Raises OptionError if it cannot be written.
    """
    try:
        write_picture(path, pixels)
    except ImageError as error:
        raise OptionError(str(error)) from error
    place, beside = path.absolute(), beside.absolute()
    named = place.relative_to(beside) if place.is_relative_to(beside) else place
    return {"file": named.as_posix(), "sha256": file_sha256(path)}


def is_kept(picture: Mapping[str, Any] | None, beside: Path) -> bool:
    """Whether a picture that results name is still there, unchanged."""
    if not picture:
        return False
    path = beside / str(picture["file"])
    return path.is_file() and file_sha256(path) == str(picture["sha256"])


def open_kept(folder: Path, picture: Mapping[str, Any]) -> Image.Image:
    """A picture that a file in `folder` names, as RGB. Raises OptionError if it is not that one."""
    if not is_kept(picture, folder):
        raise OptionError(
            f"{folder / str(picture['file'])}: missing, or not the picture that the results name; "
            "run the evaluation again, which makes it anew"
        )
    with Image.open(folder / str(picture["file"])) as image:
        return image.convert("RGB")


def file_stem(*parts: str) -> str:
    """Names as one part of a path: ("bsd100", "a/b") -> "bsd100-a-b-5c1a9f", different for each."""
    safe = "-".join(re.sub(r"[^\w.+]+", "-", part).strip("-.") for part in parts)
    if safe == "-".join(parts):
        return safe
    return f"{safe}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:6]}"


def file_sha256(path: Path) -> str:
    """Hex digits over the file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
