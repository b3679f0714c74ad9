"""The live line: every event of long work, on a terminal and where nobody watches."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.cli.progress import LiveLine, describe_step, describe_validation
from impasto.events import Failed, Notice, Progress, Saved, Scored, Skipped, Step, Validated


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
    with LiveLine("painting", every_s=None) as line:
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
    with LiveLine("upscaling", every_s=None) as line:
        line(Progress(task="pictures", done=0, total=1))
        line(Progress(task="picture", done=0.25, total=1.0))
        assert capsys.readouterr().err == ""
        line._begun_s -= 2  # seconds later
        line(Progress(task="picture", done=0.5, total=1.0))
    assert "upscaling" in capsys.readouterr().err


def step(**changes: Any) -> Step:
    values: dict[str, Any] = {
        "iteration": 3,
        "iterations": 10,
        "stage": 2,
        "stages": 4,
        "loss": 1.25,
        "terms": {"content": 0.5, "style": 0.25, "tv": 0.0, "style relu1_1": 1e-6},
        "image": torch.zeros(1, 3, 20, 30),
        "images_per_second": 2.0,
    }
    return Step(**{**values, **changes})


def test_a_step_of_an_optimisation_names_every_term() -> None:
    assert describe_step(step()) == (
        "stage 2/4  30x20  loss 1.2500  content 0.5000  style 0.2500  [relu1_1 1.00e-06]  2.00 it/s"
    )
    assert describe_step(step(stages=1, terms={"content": 2e5})) == (
        "30x20  loss 1.2500  content 2.00e+05  2.00 it/s"
    )


def test_a_step_of_a_training_leaves_single_layers_to_the_log() -> None:
    assert describe_step(step(image=None, stages=1)) == (
        "loss 1.2500  content 0.5000  style 0.2500  2.0 img/s"
    )


def test_a_validation_tells_what_it_is_compared_with() -> None:
    told = describe_validation(
        Validated(
            iteration=1,
            terms={"psnr": 30.0, "total": 0.5},
            untouched={"psnr": 28.0, "total": 0.75},
        ),
        "bicubic",
    )
    assert told == "held out: psnr 30.0000  total 0.5000 (bicubic: psnr 28.00, total 0.7500)"
    told = describe_validation(
        Validated(iteration=1, terms={"total": 0.5}, untouched={"total": 0.75}), ""
    )
    assert told == "held out: total 0.5000 (untouched photos: total 0.7500)"


def test_where_nobody_watches_the_last_step_and_notices_are_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LiveLine() as line:
        line(Notice(message="look here"))
        line(step())
        line(step(iteration=10))
        line(Saved(kind="preview", path=Path("p.jpg")))
        line(Scored(image="a", model="m", psnr=30.0, kept=False))
        line(Progress(task="images", done=1, total=2))
        line(Failed(name="b.png", reason="is empty"))
        line(Skipped(path=Path("c.jpg"), reason="c.jpg: is no picture"))
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert lines[0] == "note: look here"
    assert lines[1].startswith("10/10  stage 2/4")
    assert lines[2:] == [
        "preview: p.jpg",
        "failed: b.png: is empty",
        "1 photo could not be read:",
        "  c.jpg: is no picture",
    ]
    assert captured.out == ""
    assert [str(failure) for failure in line.failures] == ["b.png: is empty"]


def test_every_event_is_drawn_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with LiveLine() as line:
        line(Progress(task="download", done=2e6, total=4e6, note="the loss network"))
        line(step(iteration=10))
    shown = capsys.readouterr().err
    assert "10/10" in shown
    with LiveLine() as line:
        line(Progress(task="download", done=2e6, total=4e6, note="the loss network"))
    shown = capsys.readouterr().err
    assert "2/4" in shown
    assert "MB of the loss network downloaded" in shown
