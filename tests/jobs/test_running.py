"""The run over the jobs, with a stand-in for the work itself: no command, nothing printed."""

import threading
from pathlib import Path

import pytest

from impasto.errors import ImageError, OptionError
from impasto.events import (
    Cancelled,
    CancelToken,
    Event,
    Failed,
    Progress,
    Saved,
    Skipped,
)
from impasto.jobs import Job, OutputOptions, Report, plan, run_jobs


@pytest.fixture(autouse=True)
def _silent(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In an empty folder; whatever happens, nothing is printed."""
    monkeypatch.chdir(tmp_path)
    yield
    assert capsys.readouterr() == ("", "")


def job(name: str) -> Job:
    return Job(source=Path(f"{name}.jpg"), model="wave", target=Path("out", f"{name}-wave.jpg"))


def nothing(job: Job) -> None:
    """Work that is always done."""


def test_existing_results_are_skipped_unless_overwriting() -> None:
    Path("out").mkdir()
    job("a").target.touch()
    events: list[Event] = []
    report = run_jobs([job("a"), job("b")], nothing, on_event=events.append)
    assert report.skipped == [Path("out/a-wave.jpg")]
    assert report.done == [Path("out/b-wave.jpg")]
    assert events[0] == Skipped(path=Path("a.jpg"), reason="out/a-wave.jpg is already there")
    report = run_jobs([job("a")], nothing, overwrite=True)
    assert (report.done, report.skipped) == ([Path("out/a-wave.jpg")], [])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImageError("b.jpg: is\nempty"), "b.jpg: is empty"),
        (PermissionError(13, "Permission denied", "out"), "Permission denied: out"),
        (MemoryError(), "not enough memory for a picture of this size"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_one_bad_file_is_reported_and_the_rest_go_on(error: Exception, reason: str) -> None:
    def work(job: Job) -> None:
        if job.source.stem == "b":
            raise error

    events: list[Event] = []
    report = run_jobs([job("a"), job("b"), job("c")], work, on_event=events.append)
    failed = Failed(name="b.jpg", reason=reason)
    assert report.done == [Path("out/a-wave.jpg"), Path("out/c-wave.jpg")]
    assert report.failures == [failed]
    assert report.failures[0].error is error
    counts = [event.done for event in events if isinstance(event, Progress)]
    assert counts == [0, 1, 2, 3]
    assert [event for event in events if not isinstance(event, Progress)] == [
        Saved(kind="picture", path=Path("out/a-wave.jpg")),
        failed,
        Saved(kind="picture", path=Path("out/c-wave.jpg")),
    ]


def test_ctrl_c_passes_through_and_the_report_tells_what_was_finished() -> None:
    def work(job: Job) -> None:
        if job.source.stem == "b":
            raise KeyboardInterrupt

    report = Report()
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job("a"), job("b"), job("c")], work, report=report)
    assert report.done == [Path("out/a-wave.jpg")]


def test_another_thread_cancels_between_two_pictures() -> None:
    token, begun, asked = CancelToken(), threading.Event(), threading.Event()

    def work(job: Job) -> None:
        del job
        begun.set()
        assert asked.wait(10)

    def stop() -> None:
        assert begun.wait(10)
        token.cancel()
        asked.set()

    thread = threading.Thread(target=stop)
    thread.start()
    report = run_jobs([job("a"), job("b"), job("c")], work, cancel=token)
    thread.join()
    assert report.done == [Path("out/a-wave.jpg")]  # the picture that was begun is finished
    assert report.cancelled is not None
    assert report.failures == []


def test_work_that_stops_within_a_picture_says_what_is_kept() -> None:
    def work(job: Job) -> None:
        if job.source.stem == "b":
            raise Cancelled("3 passes are kept")

    report = run_jobs([job("a"), job("b"), job("c")], work)
    assert report.done == [Path("out/a-wave.jpg")]
    assert str(report.cancelled) == "3 passes are kept"


def test_a_token_used_before_the_start_does_nothing_at_all() -> None:
    token = CancelToken()
    token.cancel()
    report = run_jobs([job("a")], nothing, cancel=token)
    assert (report.done, report.failures) == ([], [])
    assert report.cancelled is not None


def test_files_go_through_any_work_without_the_command_line() -> None:
    for name in ("photos/a.png", "photos/sub/b.jpg", "photos/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)

    def copy(job: Job) -> None:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.target.write_bytes(job.source.read_bytes())

    report = Report()
    outputs = OutputOptions(format="png")
    jobs = plan(
        ["photos", "gone.jpg"],
        {"wave": "wave"},
        outputs,
        default_folder=Path("copied"),
        failures=report.failures,
    )
    # two machines of a cluster, each with its part of the list
    for number in range(2):
        run_jobs(jobs[number::2], copy, report=report)
    assert report.done == [Path("copied/a-wave.png"), Path("copied/sub/b-wave.png")]
    assert Path("copied/sub/b-wave.png").read_text() == "photos/sub/b.jpg"
    assert report.failures == [Failed(name="gone.jpg", reason="no such file or folder")]
    assert run_jobs(jobs, copy).skipped == report.done


def test_options_are_named_as_in_python() -> None:
    with pytest.raises(OptionError, match=r"`format` docx: cannot be written; use one of avif"):
        plan(
            ["a.jpg"], {"m": "m"}, OutputOptions(format="docx"), default_folder=Path(), failures=[]
        )
    with pytest.raises(OptionError, match="`overwrite`"):
        OutputOptions(overwrite="yes")  # type: ignore[arg-type]
