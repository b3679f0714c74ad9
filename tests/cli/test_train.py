"""`impasto train style` on the command line: what it refuses, and that flags win over a recipe."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.train import train_app
from impasto.errors import ImpastoError, OptionError, TrainingError

RUNNER = CliRunner()


def _error(*arguments: str) -> ImpastoError:
    error = RUNNER.invoke(train_app, ["style", *arguments]).exception
    assert isinstance(error, ImpastoError)
    return error


def test_a_run_without_style_or_photos_is_refused(tmp_path: Path) -> None:
    assert "--style is missing" in str(_error("--photos", str(tmp_path)))
    assert "--photos is missing" in str(_error("--style", "painting.jpg"))


def test_a_photo_folder_that_is_not_there_is_named() -> None:
    error = _error("--style", "painting.jpg", "--photos", "nowhere", "--output", "unused-run")
    assert isinstance(error, TrainingError)
    assert "nowhere" in str(error)
    assert not Path("unused-run").exists()


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--crops", "large"),
        ("--style-layers", "relu1_2:much"),
        ("--style-image-weights", "one"),
        ("--schedule", "zigzag"),
        ("--style-weight", "-1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_flag(flag: str, value: str) -> None:
    error = _error("--style", "painting.jpg", "--photos", ".", flag, value)
    assert isinstance(error, OptionError)


def test_flags_win_over_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('style = "p.jpg"\nphotos = "nowhere"\nschedule = "zigzag"\n')
    assert isinstance(_error("--config", str(recipe)), OptionError)
    error = _error("--config", str(recipe), "--schedule", "cosine", "--output", "unused-run")
    assert isinstance(error, TrainingError)
