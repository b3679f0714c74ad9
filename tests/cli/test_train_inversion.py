"""`impasto train inversion` on the command line: a run, its recipe, and what it refuses."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.train import train_app
from impasto.errors import OptionError
from impasto.models.inversion_model import load_inversion_model
from impasto.training.inversion_config import InversionTrainingConfig

RUNNER = CliRunner()


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Two cheap iterations."""
    generator = torch.Generator().manual_seed(5)
    tensors = {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=generator) * 0.3,
        "features.0.bias": torch.zeros(64),
    }
    save_file(tensors, tmp_path / "vgg16.safetensors", {"preprocessing": "torchvision"})
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        Image.effect_noise((44, 40), 60 + number).convert("RGB").save(photos / f"{number}.png")
    words = ["inversion", "--photos", str(photos), "--validation-photos", str(photos)]
    words += ["--loss-network", str(tmp_path / "vgg16.safetensors"), "-o", str(tmp_path / "run")]
    words += ["--iterations", "2", "--batch-size", "1", "--crop", "32", "--workers", "0"]
    return [*words, "--width", "0.125", "--threads", "1"]


def test_a_run_from_flags_and_recipe_ends_with_a_model(
    arguments: list[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('layer = "relu1_1"\nblocks = 1\nwidth = 2.0\n', encoding="utf-8")
    result = RUNNER.invoke(train_app, [*arguments, "--config", str(recipe)])
    assert result.exit_code == 0, result.exception
    path = tmp_path / "run" / "model.safetensors"
    assert f"trained: {path}" in result.stdout
    assert f"impasto invert PHOTO --model {path}" in result.stdout
    assert "(mean colour: psnr" in result.stderr
    config = load_inversion_model(path).config
    assert (config.layer, config.blocks, config.width) == ("relu1_1", 1, 0.125)  # flags win


def test_photos_are_needed() -> None:
    result = RUNNER.invoke(train_app, ["inversion", "--layer", "relu1_1"])
    assert isinstance(result.exception, OptionError)
    assert "--photos" in str(result.exception)


def test_every_flag_is_an_option_of_the_config() -> None:
    command = get_command(train_app).commands["inversion"]  # type: ignore[attr-defined]
    flags = {parameter.name for parameter in command.params} - {"config"}
    assert flags <= set(InversionTrainingConfig.__dataclass_fields__)
