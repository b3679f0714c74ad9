"""What is told of a batch: the summary, the bar, the failures."""

import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.cli.pictures import PAINTING, RESTORING, UPSCALING, summary
from impasto.events import Failed
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


@pytest.mark.parametrize(("presses", "painted"), [(1, 1), (2, 0)])
def test_ctrl_c_ends_after_the_picture_in_hand_and_the_second_at_once(
    presses: int, painted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paint(*_: object, **__: object) -> None:
        for _press in range(presses):
            os.kill(os.getpid(), signal.SIGINT)

    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(painter.Painter, "paint_file", paint)
    result = CliRunner().invoke(app, ["stylize", "a.jpg", "b.jpg", "--style", "udnie"])
    assert result.exit_code == 130
    assert result.stdout.startswith(f"painted {painted} picture")
    assert "interrupted" in result.stderr


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
