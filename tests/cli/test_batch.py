"""What is told of a batch: the summary, the bar, the failures."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.cli.batch import PAINTING, RESTORING, UPSCALING, summary
from impasto.cli.progress import LiveLine
from impasto.events import Failed, Progress
from impasto.jobs import Report
from impasto.painting import painter


@pytest.mark.parametrize("debug", [True, False])
def test_debug_shows_the_traceback_of_a_failed_file(
    debug: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paint(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    (tmp_path / "a.jpg").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(painter.Painter, "paint_file", paint)
    flags = ["--debug"] if debug else []
    result = CliRunner().invoke(app, [*flags, "stylize", "a.jpg", "--style", "udnie"])
    assert result.exit_code == 1
    assert ("Traceback" in result.stderr) is debug
    assert "impasto: a.jpg: ZeroDivisionError: oh (--debug shows where)" in result.stderr


def test_the_summary_counts_and_names() -> None:
    one, two = Path("out/a.jpg"), Path("out/sub/b.jpg")
    bad = Failed(name="c.jpg", reason="is empty")
    assert summary(Report(done=[one]), PAINTING) == "painted 1 picture: out/a.jpg"
    assert summary(Report(done=[one, two]), PAINTING) == "painted 2 pictures in out/"
    assert (
        summary(Report(done=[Path("a.jpg"), Path("b.jpg")]), PAINTING) == "painted 2 pictures in ./"
    )
    assert (
        summary(Report(skipped=[one]), PAINTING)
        == "painted 0 pictures, out/a.jpg is already there (--overwrite paints again)"
    )
    assert (
        summary(Report(done=[one], skipped=[one, two], failures=[bad]), PAINTING)
        == "painted 1 picture: out/a.jpg, 2 already there (--overwrite paints again), 1 failed"
    )


def test_every_command_tells_of_its_own_work() -> None:
    one = Path("photo-x4.png")
    assert summary(Report(done=[one]), UPSCALING) == "upscaled 1 picture: photo-x4.png"
    assert (
        summary(Report(skipped=[one]), RESTORING)
        == "restored 0 pictures, photo-x4.png is already there (--overwrite restores again)"
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
    with LiveLine("painting", quiet=True) as line:
        for done in range(total + 1):
            line(Progress(task="pictures", done=done, total=total))
    captured = capsys.readouterr()
    assert ("2/2" in captured.err) is drawn
    assert captured.out == ""


def test_one_long_job_shows_its_share(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with LiveLine("upscaling", least=2, quiet=True) as line:
        line(Progress(task="pictures", done=0, total=1))
        line(Progress(task="picture", done=0.5, total=1.0))
    assert "upscaling" in capsys.readouterr().err
