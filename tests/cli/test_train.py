"""`impasto train` on the command line: from flags, recipe and defaults, and what is refused."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.train import train_app
from impasto.data.degradations import RESTORATIONS, find_restoration
from impasto.errors import ImpastoError, OptionError, TrainingError
from impasto.models import load_superres_model
from impasto.models.inversion_model import load_inversion_model
from impasto.options import declared, from_text
from impasto.training import (
    InversionTrainingConfig,
    RestoreTrainingConfig,
    RunConfig,
    StyleTrainingConfig,
    SuperResTrainingConfig,
)
from impasto.training.restore_config import parse_range

RUNNER = CliRunner()
RECORDS: dict[str, type[RunConfig]] = {
    "style": StyleTrainingConfig,
    "superres": SuperResTrainingConfig,
    "restore": RestoreTrainingConfig,
    "inversion": InversionTrainingConfig,
}


def _photos(folder: Path) -> str:
    folder.mkdir()
    for number in range(2):
        Image.effect_noise((64, 60), 60 + number).convert("RGB").save(folder / f"{number}.png")
    return str(folder)


def _error(*arguments: str) -> ImpastoError:
    error = RUNNER.invoke(train_app, [*arguments, "-o", "unused-run"]).exception
    assert isinstance(error, ImpastoError), (arguments, error)
    assert not Path("unused-run").exists()
    return error


def test_a_run_without_what_it_needs_is_refused(tmp_path: Path) -> None:
    assert "--style is missing" in str(_error("style", "--photos", str(tmp_path)))
    assert "--photos is missing" in str(_error("style", "--style", "painting.jpg"))
    for command in ("superres", "restore", "inversion"):
        error = _error(command)
        assert isinstance(error, OptionError)
        assert "--photos is missing; give it as a flag or in --config" in str(error)


def test_a_folder_of_photos_that_is_not_there_is_named_with_its_flag(tmp_path: Path) -> None:
    error = _error("style", "--style", "painting.jpg", "--photos", "nowhere")
    assert isinstance(error, TrainingError)
    assert "--photos: nowhere" in str(error)
    photos = _photos(tmp_path / "photos")
    for arguments in (["style", "--style", "painting.jpg"], ["superres", "--loss", "pixel"]):
        error = _error(*arguments, "--photos", photos, "--validation-photos", "nowhere")
        assert "--validation-photos: nowhere" in str(error)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--crops", "large"),
        ("--style-layers", "relu1_2:much"),
        ("--style-image-weights", "one"),
        ("--schedule", "zigzag"),
        ("--style-weight", "-1"),
        ("--iterations", "many"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_flag(flag: str, value: str) -> None:
    error = _error("style", "--style", "painting.jpg", "--photos", ".", flag, value)
    assert isinstance(error, OptionError)
    assert str(error).startswith(flag)


@pytest.mark.parametrize(
    ("command", "flag", "value", "said"),
    [
        ("superres", "--factor", "5", "factor 5"),
        ("superres", "--loss", "best", "--loss"),
        ("superres", "--degradation", "rain", "--degradation: got 'rain'"),
        ("superres", "--patch", "190", "--patch: got 190; wanted a multiple of 4"),
        ("superres", "--shift", "100", "--shift"),
        ("superres", "--scales", "1,2", "--scales"),
        ("superres", "--scales", "one", "--scales"),
        ("superres", "--architecture", "huge", "--architecture"),
        ("superres", "--pixel-weight", "-1", "--pixel-weight"),
        ("superres", "--loss", "pixel", "no picture"),
        ("restore", "--degrade", "rain", "--degrade"),
        ("restore", "--range", "noisy", "--range"),
        ("restore", "--range", "50:5", "sigma"),
        ("restore", "--loss", "best", "--loss"),
        ("restore", "--patch", "33", "multiple of 2"),
        ("restore", "--shrink", "3", "shrink"),
        ("restore", "--style-weight", "1", "--style-weight is for holes"),
        ("inversion", "--crop", "8", "--crop: got 8; wanted a whole number of px, 32 or more"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_flag(
    command: str, flag: str, value: str, said: str
) -> None:
    assert said in str(_error(command, "--photos", "nowhere", flag, value))


def test_flags_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('style = "p.jpg"\nphotos = "nowhere"\niterations = 0\n')
    error = _error("style", "--config", str(recipe))
    assert f"--config {recipe}: --iterations: got 0" in str(error)
    recipe.write_text('degradation = "holes"\npatch_px = 66\nloss = "both"\n')
    for arguments, said in (
        (["--loss", "pixel"], "--patch: got 66; wanted a multiple of 4"),
        (["--patch", "64"], "nowhere"),
        (["--patch", "64", "--shrink", "3"], "shrink"),
    ):
        found = _error("restore", "--config", str(recipe), "--photos", "nowhere", *arguments)
        assert said in str(found)


@pytest.mark.parametrize("command", RECORDS)
def test_every_option_of_a_config_has_a_flag_or_is_for_recipes_only(command: str) -> None:
    group: Any = get_command(train_app)
    only_recipes = {"validation_count", "licence", "title", "artist", "year", "painting_source"}
    flags = {param.name for param in group.commands[command].params}
    options = {field.name for field in fields(RECORDS[command])}
    assert options - flags - only_recipes == ({"factor"} if command == "restore" else set())
    assert flags - options == {"config"}


@pytest.mark.parametrize(
    ("command", "degradation"),
    [("style", ""), ("superres", ""), ("inversion", ""), *(("restore", x) for x in RESTORATIONS)],
)
def test_defaults_in_the_help_are_those_of_the_config(command: str, degradation: str) -> None:
    """Some as [2; gray and holes: 4], where the part before the semicolon is for the others."""
    record = RECORDS[command]
    options: dict[str, Any] = {"photos": (Path("f"),), "output": Path("o")}
    if command in ("style", "inversion"):
        options["photos"] = Path("f")
    options |= {"style": (Path("p"),)} if command == "style" else {}
    options |= {"degradation": degradation} if degradation else {}
    config = record(**record.suited(options))
    group: Any = get_command(train_app)
    helps = {param.name: param.help or "" for param in group.commands[command].params[1:]}
    checked = 0
    for each, hint, _ in declared(record):
        shown = re.search(r"\[([^\[]+)\]$", helps.get(each.name, ""))
        if shown is None or each.name in ("output", "degradation", "degrade_range", "relative"):
            continue
        assert from_text(each, hint, _default(shown[1], degradation)) == getattr(
            config, each.name
        ), each.name
        checked += 1
    assert checked > 20


def _default(shown: str, degradation: str) -> str:
    general, *special = shown.split("; ")
    for case in special:
        names, _, value = case.partition(": ")
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


@pytest.mark.parametrize(
    ("degradation", "amount"), [("noise", "25"), ("gray", ""), ("holes", "0.1:0.2")]
)
def test_a_run_of_restoration_from_flags_ends_with_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degradation: str, amount: str
) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    photos = _photos(tmp_path / "photos")
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


def test_a_run_of_inversion_from_flags_and_recipe_ends_with_a_model(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    tensors = {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=generator) * 0.3,
        "features.0.bias": torch.zeros(64),
    }
    save_file(tensors, tmp_path / "vgg16.safetensors", {"preprocessing": "torchvision"})
    photos = _photos(tmp_path / "photos")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('layer = "relu1_1"\nblocks = 1\nwidth = 2.0\n', encoding="utf-8")
    words = ["inversion", "--photos", photos, "--validation-photos", photos]
    words += ["--loss-network", str(tmp_path / "vgg16.safetensors"), "-o", str(tmp_path / "run")]
    words += ["--iterations", "2", "--batch-size", "1", "--crop", "32", "--workers", "0"]
    words += ["--width", "0.125", "--threads", "1", "--config", str(recipe)]
    result = RUNNER.invoke(train_app, words)
    assert result.exit_code == 0, result.exception
    path = tmp_path / "run" / "model.safetensors"
    assert f"trained: {path}" in result.stdout
    assert f"impasto invert PHOTO --model {path}" in result.stdout
    assert "(mean colour: psnr" in result.stderr
    config = load_inversion_model(path).config
    assert (config.layer, config.blocks, config.width) == ("relu1_1", 1, 0.125)  # flags win
