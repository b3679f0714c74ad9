"""`impasto train restore` on the command line: a run, its defaults, and what it refuses."""

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.train import train_app
from impasto.data.degradations import RESTORATIONS, find_restoration
from impasto.errors import ImpastoError
from impasto.models import load_superres_model
from impasto.training import RestoreTrainingConfig, parse_layers, parse_range, restore_options

RUNNER = CliRunner()


def _photos(folder: Path) -> Path:
    folder.mkdir()
    for number in range(2):
        Image.effect_noise((64, 60), 60 + number).convert("RGB").save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("degradation", "amount"), [("noise", "25"), ("gray", ""), ("holes", "0.1:0.2")]
)
def test_a_run_from_flags_ends_with_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degradation: str, amount: str
) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    photos = str(_photos(tmp_path / "photos"))
    arguments = ["restore", "--degrade", degradation, "--photos", photos, "--loss", "pixel"]
    arguments += ["--validation-photos", photos, "-o", str(tmp_path / "run"), "--threads", "1"]
    arguments += ["--iterations", "2", "--batch-size", "1", "--patch", "32", "--workers", "0"]
    arguments += ["--blocks", "1", "--width", "0.125"]
    arguments += ["--range", amount] if amount else []
    result = RUNNER.invoke(train_app, arguments)
    assert result.exit_code == 0, result.exception
    assert "(input: psnr" in result.stderr
    path = tmp_path / "run" / "model.safetensors"
    assert f"trained: {path}" in result.stdout
    model = load_superres_model(path)
    assert (model.task, model.factor) == ("restore", 1)
    assert model.config.blocks == 1
    options: dict[str, Any] = {"sigma": (25, 25)} if degradation == "noise" else {}
    options |= {"area": (0.1, 0.2)} if degradation == "holes" else {}
    wanted = repr(find_restoration(degradation, **options))
    assert model.card["trained"]["degradation"] == wanted


def test_flags_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('degradation = "holes"\npatch_px = 7\nloss = "zigzag"\n')
    for arguments, said in (
        (["--loss", "pixel"], "--patch must be"),
        (["--patch", "64"], "--loss"),
        (["--patch", "64", "--loss", "pixel"], "nowhere"),
    ):
        error = _error("--config", str(recipe), "--photos", "nowhere", *arguments)
        assert said in str(error)


def _error(*arguments: str) -> ImpastoError:
    error = RUNNER.invoke(train_app, ["restore", *arguments, "-o", "unused-run"]).exception
    assert isinstance(error, ImpastoError), arguments
    assert not Path("unused-run").exists()
    return error


def test_what_makes_no_sense_is_refused_with_its_flag() -> None:
    assert "--photos is missing" in str(_error("--degrade", "noise"))
    for flag, value, said in [
        ("--degrade", "rain", "--degrade"),
        ("--range", "noisy", "--range"),
        ("--range", "50:5", "sigma"),
        ("--loss", "best", "--loss"),
        ("--patch", "33", "multiple of 2"),
        ("--shrink", "3", "shrink"),
        ("--style-weight", "1", "--style-weight is for holes"),
    ]:
        assert said in str(_error("--photos", "nowhere", flag, value))


@pytest.mark.parametrize("degradation", RESTORATIONS)
def test_defaults_in_the_help_are_those_of_the_degradation(degradation: str) -> None:
    """As [2; gray and holes: 4], where the part before the semicolon is for the others."""
    options = restore_options(
        {"degradation": degradation, "photos": (Path("f"),), "output": Path("o")}
    )
    config = RestoreTrainingConfig(**options)
    group: Any = get_command(train_app)
    parsers: dict[str, Any] = {"style_layers": parse_layers, "content_layers": parse_layers}
    only_holes = {"style_weight", "style_layers", "hole_weight"}
    checked = 0
    for param in group.commands["restore"].params:
        shown = re.search(r"\[([^\[]+)\]$", getattr(param, "help", None) or "")
        if shown is None or param.name in ("output", "degradation"):
            continue
        if param.name in only_holes and degradation != "holes":
            continue
        value = getattr(config, param.name)
        parse = parsers.get(param.name, type(value))
        assert parse(_default(shown[1], degradation)) == value, param.name
        checked += 1
    assert checked > 20


def _default(shown: str, degradation: str) -> str:
    general, *special = shown.split("; ")
    for case in special:
        names, _, value = case.replace(": ", " ").rpartition(" ")
        if degradation in names.split(" and "):
            return value
    return general


def test_ranges_in_the_help_are_those_of_the_degradations() -> None:
    group: Any = get_command(train_app)
    text = next(p.help for p in group.commands["restore"].params if p.name == "degrade_range")
    shown = dict(re.findall(r"(\w+): [\w ]+?(?:in [\w-]+ units|in px)? ?\[([\d.:]+)\]", text))
    assert shown.keys() == set(RESTORATIONS) - {"gray"}
    for name, amount in shown.items():
        made: Any = find_restoration(name)
        option = {"noise": "sigma", "jpeg": "quality", "blur": "sigma_px", "holes": "area"}[name]
        assert getattr(made, option) == parse_range(amount)
