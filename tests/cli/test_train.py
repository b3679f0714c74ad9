"""`impasto train style` on the command line: what it refuses, and that flags win over a recipe."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.train import train_app
from impasto.errors import ImpastoError, OptionError, TrainingError
from impasto.training import (
    StyleTrainingConfig,
    SuperResTrainingConfig,
    parse_crops,
    parse_layers,
    parse_scales,
)
from impasto.training.run_config import RunConfig

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


STYLE = StyleTrainingConfig(style=(Path("p"),), photos=Path("f"), output=Path("o"))
SUPERRES = SuperResTrainingConfig(photos=(Path("f"),), output=Path("o"))


@pytest.mark.parametrize(("command", "defaults"), [("style", STYLE), ("superres", SUPERRES)])
def test_defaults_in_the_help_are_those_of_the_config(command: str, defaults: RunConfig) -> None:
    group: Any = get_command(train_app)
    parsers: dict[str, Any] = {
        "style_layers": parse_layers,
        "content_layers": parse_layers,
        "unit_feature_layers": parse_layers,
        "crops": parse_crops,
        "scales": parse_scales,
        "relative": lambda text: text == "relative",
    }
    checked = 0
    for param in group.commands[command].params:
        shown = re.search(r"\[([^\[]+)\]$", getattr(param, "help", None) or "")
        if shown is None or param.name == "output":
            continue
        value = getattr(defaults, param.name)
        parse = parsers.get(param.name, type(value))
        assert parse(shown[1]) == value, param.name
        checked += 1
    assert checked > 20


def test_every_option_of_a_config_has_a_flag_or_is_for_recipes_only() -> None:
    group: Any = get_command(train_app)
    only_recipes = {"validation_count", "licence", "title", "artist", "year", "painting_source"}
    for command, defaults in (("style", STYLE), ("superres", SUPERRES)):
        flags = {param.name for param in group.commands[command].params}
        options = {field.name for field in fields(defaults)}
        assert options - flags - only_recipes <= {"shrink"}
        assert flags - options == {"config"}


def test_superres_refuses_what_makes_no_sense_with_its_flag() -> None:
    for flag, value, said in [
        ("--factor", "5", "factor 5"),
        ("--loss", "best", "--loss"),
        ("--degradation", "rain", "no degradation 'rain'"),
        ("--patch", "190", "multiple of 4"),
        ("--shift", "100", "--shift"),
        ("--scales", "1,2", "--scales"),
        ("--scales", "one", "--scales"),
        ("--architecture", "huge", "no super-resolution architecture"),
        ("--pixel-weight", "-1", "--pixel-weight"),
        ("--loss", "pixel", "no picture"),
    ]:
        error = RUNNER.invoke(
            train_app, ["superres", "--photos", "nowhere", flag, value, "-o", "unused-run"]
        ).exception
        assert isinstance(error, ImpastoError), (flag, value, error)
        assert said in str(error)
        assert not Path("unused-run").exists()
    error = RUNNER.invoke(train_app, ["superres"]).exception
    assert "--photos is missing" in str(error)
