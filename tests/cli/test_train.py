"""`impasto train style` on the command line: what it refuses, and that flags win over a recipe."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli import train as train_module
from impasto.cli.train import train_app
from impasto.errors import ImpastoError, OptionError, TrainingError
from impasto.training import StyleTrainingConfig, parse_crops, parse_layers

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


def test_defaults_in_the_help_are_those_of_the_config() -> None:
    source = (Path(train_module.__file__)).read_text(encoding="utf-8")
    shown = dict(
        re.findall(r'^    (\w+): Annotated\[[^"]*?_flag\(\s*"[^"\[]*\[([^\]]+)\]"', source, re.M)
    )
    defaults = StyleTrainingConfig(style=(Path("p"),), photos=Path("f"), output=Path("o"))
    parsers = {
        "style_layers": parse_layers,
        "content_layers": parse_layers,
        "crops": parse_crops,
    }
    assert len(shown) > 20
    for name, text in shown.items():
        if name == "output":
            continue
        value = getattr(defaults, name)
        parse = parsers.get(name, type(value))
        assert parse(text) == value, name
