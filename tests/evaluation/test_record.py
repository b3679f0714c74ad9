"""A record keeps what still holds, and refuses to mix two ways of measuring."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import OptionError
from impasto.evaluation.record import (
    Plan,
    Say,
    Task,
    carry_out,
    duration,
    keep_picture,
    open_record,
    read_record,
)
from impasto.events import Cancelled, CancelToken, Event, Progress

CPU = torch.device("cpu")


def opened(path: Path, *, overwrite: bool = False, **settings: Any) -> Any:
    return open_record(path, "speed", settings, overwrite=overwrite)


def counting_task(key: str, calls: list[str], **of: Any) -> Task:
    def run(_: Say) -> dict[str, Any]:
        calls.append(key)
        return {"value": len(calls)}

    return Task(key=key, of=of, work=1.0, run=run)


def test_what_was_done_is_kept_when_a_run_is_interrupted(tmp_path: Path) -> None:
    path, calls = tmp_path / "r.json", list[str]()

    def interrupt(_: Say) -> dict[str, Any]:
        raise KeyboardInterrupt

    tasks = [counting_task("a", calls), counting_task("b", calls)]
    stop = Task(key="c", of={}, work=1.0, run=interrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out(Plan(record=opened(path), tasks=[*tasks, stop], device=CPU), lambda _: None)
    assert list(read_record(path).entries) == ["a", "b"]
    again = Plan(record=opened(path), tasks=[*tasks, counting_task("c", calls)], device=CPU)
    assert again.work() == 1.0
    events: list[Event] = []
    carry_out(again, events.append)
    assert calls == ["a", "b", "c"]
    assert isinstance(events[0], Progress)
    assert (events[0].done, events[0].total) == (2, 3)
    assert [entry["value"] for entry in read_record(path).entries.values()] == [1, 2, 3]


def test_a_run_that_is_cancelled_keeps_what_was_done(tmp_path: Path) -> None:
    path, calls, cancel = tmp_path / "r.json", list[str](), CancelToken()

    def long(say: Say) -> dict[str, Any]:
        cancel.cancel()  # as from another thread
        say("iteration 1 of 100")
        raise AssertionError("went on")

    tasks = [counting_task("a", calls), Task(key="b", of={}, work=1.0, run=long)]
    with pytest.raises(Cancelled):
        carry_out(Plan(record=opened(path), tasks=tasks, device=CPU), lambda _: None, cancel)
    assert list(read_record(path).entries) == ["a"]


def test_an_entry_of_other_inputs_is_measured_again(tmp_path: Path) -> None:
    path, calls = tmp_path / "r.json", list[str]()
    for photo in ("1" * 64, "1" * 64, "2" * 64):
        plan = Plan(record=opened(path), tasks=[counting_task("a", calls, photo=photo)], device=CPU)
        carry_out(plan, lambda _: None)
    assert len(calls) == 2
    assert read_record(path).entries["a"]["of"] == {"photo": "2" * 64}


def test_an_entry_whose_picture_was_changed_does_not_hold(tmp_path: Path) -> None:
    record = opened(tmp_path / "r.json")
    kept = keep_picture(record.pictures / "a.png", torch.rand(1, 3, 8, 8), tmp_path)
    record.entries["a"] = {"of": {}, "pictures": {"picture": kept}}
    assert record.holds("a", {})
    (record.pictures / "a.png").write_bytes(b"")
    assert not record.holds("a", {})


def test_other_settings_are_refused_and_new_ones_added(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    opened(path, iterations_256=100).save()
    with pytest.raises(OptionError, match="iterations_256 was 100, is 50"):
        opened(path, iterations_256=50)
    both = opened(path, iterations_512=50)
    assert both.settings == {"iterations_256": 100, "iterations_512": 50}
    assert opened(path, overwrite=True, iterations_256=50).settings == {"iterations_256": 50}
    with pytest.raises(OptionError, match="of the reproduction 'speed'"):
        open_record(path, "objective", {}, overwrite=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "no JSON"),
        ("[]", "no record"),
        (json.dumps({"format": "impasto-reproduction-1"}), "damaged"),
        (json.dumps({"format": "impasto-reproduction-1", "reproduction": "x"}), "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OptionError, match=message):
        read_record(path)


@pytest.mark.parametrize(
    "entry",
    [{}, 5, {"of": {}, "pictures": None}, {"of": {}, "pictures": {"x": "../../etc"}}, {"of": 1}],
)
def test_entries_that_somebody_changed_are_refused(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "r.json"
    record = opened(path)
    record.save()
    path.write_text(json.dumps({**json.loads(path.read_text()), "entries": {"a": entry}}))
    with pytest.raises(OptionError, match=r"r\.json: damaged .* as it was written"):
        read_record(path)
    with pytest.raises(OptionError, match=r"damaged .* `overwrite`"):
        opened(path)


def test_a_folder_that_cannot_be_written_is_told_before_the_first_piece(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    calls: list[str] = []
    with pytest.raises(OptionError, match="is a file"):
        opened(tmp_path / "file" / "r.json")
    record = opened(tmp_path / "r.json")
    record.path = tmp_path / "file" / "r.json"
    with pytest.raises(OptionError, match="cannot be written"):
        carry_out(
            Plan(record=record, tasks=[counting_task("a", calls)], device=CPU), lambda _: None
        )
    assert not calls


def test_durations_are_as_exact_as_they_can_be() -> None:
    assert [duration(s) for s in (12.3, 200, 9000)] == ["12 s", "3 min", "2.5 h"]
