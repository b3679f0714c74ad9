"""`--network`: which of a bundled style's networks, in every command that takes a style."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.models import gallery, load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network

FULL = StyleNetworkConfig(width=0.125, blocks=1)
FAST = StyleNetworkConfig(architecture="fast", width=0.125, blocks=1)


def _add_style(folder: Path, name: str, config: StyleNetworkConfig) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.safetensors"
    name = f"{name}-fast" if config is FAST else name
    save_model(path, build_style_network(config), config, {"name": name})
    path.with_suffix(".json").write_text(json.dumps({"name": name}))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo, and a gallery of two styles: wave has a fast network, night has none."""
    torch.manual_seed(3)
    _add_style(tmp_path / "gallery", "wave", FULL)
    _add_style(tmp_path / "gallery", "night", FULL)
    _add_style(tmp_path / "gallery" / "fast", "wave", FAST)
    monkeypatch.setattr(gallery, "GALLERY_FOLDER", tmp_path / "gallery")
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((24, 20), 60).convert("RGB").save(tmp_path / "photo.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def _pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("quality", ["full", "fast"])
def test_stylize_paints_with_the_network_that_was_asked_for(folder: Path, quality: str) -> None:
    options = ("--backend", "eager", "--precision", "float32", "--device", "cpu", "--border", "0")
    result = run("stylize", "photo.png", "--style", "wave", "--network", quality, *options)
    assert result.exit_code == 0, result.output
    painted = folder / ("photo-wave-fast.png" if quality == "fast" else "photo-wave.png")
    expected = load_style_model("wave", quality)(_pixels(folder / "photo.png"))
    assert (_pixels(painted) - expected).abs().max() < 1.01 / 255


def test_full_is_what_is_painted_without_being_asked() -> None:
    assert run("stylize", "photo.png", "--style", "wave", "--device", "cpu").exit_code == 0
    assert Path("photo-wave.png").is_file()


def test_a_style_without_a_fast_network_is_refused_with_the_remedy() -> None:
    result = run("stylize", "photo.png", "--style", "night", "--network", "fast")
    assert result.exit_code == 2
    assert "'night' has no fast network here" in result.stderr
    assert "impasto train style --architecture fast --teacher night" in result.stderr


def test_the_old_spellings_work_with_a_notice(folder: Path) -> None:
    cpu = ("--style", "wave", "--device", "cpu")
    result = run("stylize", "photo.png", *cpu, "--quality", "fast")
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "note: --quality is now called --network; please write --network fast\n"
    )
    assert (folder / "photo-wave-fast.png").is_file()
    result = run("stylize", "photo.png", *cpu, "--file-quality=30", "-o", "30.jpg")
    assert "--file-quality is now called --quality" in result.stderr
    result = run("stylize", "photo.png", *cpu, "--quality", "95", "-o", "95.jpg")
    assert result.stderr == ""
    assert (folder / "30.jpg").stat().st_size < (folder / "95.jpg").stat().st_size


def test_a_wrong_word_is_refused_in_plain_words() -> None:
    result = run("stylize", "photo.png", "--style", "wave", "--quality", "best")
    assert result.exit_code == 2
    assert "a whole number" in result.stderr
    result = run("stylize", "photo.png", "--style", "wave", "--network", "best")
    assert result.exit_code == 2
    assert "full" in result.stderr
    assert "Value error" not in result.stderr


def test_export_writes_the_network_that_was_asked_for(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    for quality in ("full", "fast"):
        result = run("export", "wave", "--network", quality, "-o", f"{quality}.onnx")
        assert result.exit_code == 0, result.output
    full, fast = (
        sum(weight.numel() for weight in build_style_network(config).state_dict().values())
        for config in (FULL, FAST)
    )
    sizes = [(folder / f"{quality}.onnx").stat().st_size for quality in ("full", "fast")]
    assert sizes[0] != sizes[1]
    assert all(size > 4 * count for size, count in zip(sizes, (full, fast), strict=True))
    result = run("export", "night", "--network", "fast", "-o", "night.onnx")
    assert "'night' has no fast network here" in result.stderr
