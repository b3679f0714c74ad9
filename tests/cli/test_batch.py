"""The run over the jobs, with a stand-in for the work itself."""

import sys
from pathlib import Path

import pytest

from impasto.cli.batch import Outcome, run_jobs, summary, unfinished
from impasto.cli.jobs import Job
from impasto.cli.meter import Meter
from impasto.cli.sources import Failure
from impasto.cli.wording import PAINTING, RESTORING, UPSCALING
from impasto.errors import ImageError


def job(name: str) -> Job:
    return Job(source=Path(f"{name}.jpg"), model="wave", target=Path("out", f"{name}-wave.jpg"))


def test_existing_results_are_skipped_unless_overwriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    job("a").target.touch()
    outcome = Outcome()
    assert unfinished([job("a"), job("b")], overwrite=False, outcome=outcome) == [job("b")]
    assert outcome.skipped == [Path("out/a-wave.jpg")]
    outcome = Outcome()
    assert unfinished([job("a")], overwrite=True, outcome=outcome) == [job("a")]
    assert outcome.skipped == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImageError("b.jpg: is\nempty"), "b.jpg: is empty"),
        (PermissionError(13, "Permission denied", "out"), "Permission denied: out"),
        (MemoryError(), "not enough memory for a picture of this size"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh (--debug shows where)"),
    ],
)
def test_one_bad_file_is_reported_and_the_rest_go_on(error: Exception, reason: str) -> None:
    def work(job: Job) -> None:
        if job.source.stem == "b":
            raise error

    outcome, reported, steps = Outcome(), [], []
    run_jobs(
        [job("a"), job("b"), job("c")],
        work,
        outcome=outcome,
        advance=lambda: steps.append(1),
        report=reported.append,
    )
    assert outcome.done == [Path("out/a-wave.jpg"), Path("out/c-wave.jpg")]
    assert outcome.failures == reported == [Failure(name="b.jpg", reason=reason)]
    assert len(steps) == 3


def test_ctrl_c_ends_the_run_and_keeps_what_was_finished() -> None:
    def work(job: Job) -> None:
        if job.source.stem == "b":
            raise KeyboardInterrupt

    outcome = Outcome()
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job("a"), job("b"), job("c")], work, outcome=outcome)
    assert outcome.done == [Path("out/a-wave.jpg")]


def test_debug_shows_the_traceback_of_a_failed_file(capsys: pytest.CaptureFixture[str]) -> None:
    def work(job: Job) -> None:
        raise ImageError(f"{job.source}: is empty")

    run_jobs([job("a")], work, outcome=Outcome(), debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_the_summary_counts_and_names() -> None:
    one, two = Path("out/a.jpg"), Path("out/sub/b.jpg")
    bad = Failure(name="c.jpg", reason="is empty")
    assert summary(Outcome(done=[one]), PAINTING) == "painted 1 picture: out/a.jpg"
    assert summary(Outcome(done=[one, two]), PAINTING) == "painted 2 pictures in out/"
    assert (
        summary(Outcome(done=[Path("a.jpg"), Path("b.jpg")]), PAINTING)
        == "painted 2 pictures in ./"
    )
    assert (
        summary(Outcome(skipped=[one]), PAINTING)
        == "painted 0 pictures, out/a.jpg is already there (--overwrite paints again)"
    )
    assert (
        summary(Outcome(done=[one], skipped=[one, two], failures=[bad]), PAINTING)
        == "painted 1 picture: out/a.jpg, 2 already there (--overwrite paints again), 1 failed"
    )


@pytest.mark.parametrize(
    ("total", "terminal", "drawn"), [(2, True, True), (1, True, False), (2, False, False)]
)
def test_a_bar_is_drawn_for_several_pictures_on_a_terminal(
    total: int,
    terminal: bool,
    drawn: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    meter = Meter("painting")
    with meter.running(total):
        for _ in range(total):
            meter.advance()
    captured = capsys.readouterr()
    assert ("2/2" in captured.err) is drawn
    assert captured.out == ""


def test_one_long_job_shows_its_share(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    meter = Meter("upscaling", least=1)
    meter.share(0.5)  # before the bar is there
    with meter.running(1):
        meter.share(0.5)
        meter.advance()
    assert "upscaling" in capsys.readouterr().err


def test_every_command_tells_of_its_own_work() -> None:
    one = Path("photo-x4.png")
    assert summary(Outcome(done=[one]), UPSCALING) == "upscaled 1 picture: photo-x4.png"
    assert (
        summary(Outcome(skipped=[one]), RESTORING)
        == "restored 0 pictures, photo-x4.png is already there (--overwrite restores again)"
    )
    assert [word.folder.name for word in (PAINTING, UPSCALING)] == ["painted", "upscaled"]
