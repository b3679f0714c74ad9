"""`impasto import`: what it writes is a style; errors in one line."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.models import gallery, load_style_model
from impasto.models.importing import tensor_names
from impasto.networks import StyleNetworkConfig, build_style_network


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A slim network under pytorch/examples' names."""
    torch.manual_seed(0)
    config = StyleNetworkConfig(architecture="pytorch-examples", width=0.25, blocks=1)
    ours = build_style_network(config).state_dict()
    state = {theirs: ours[name] for name, theirs in tensor_names(1).items()}
    torch.save(state, tmp_path / "mosaic.pth")
    return tmp_path / "mosaic.pth"


def test_a_checkpoint_becomes_a_style(checkpoint: Path) -> None:
    target = checkpoint.with_name("mosaic.safetensors")
    arguments = ["import", str(checkpoint), "-o", str(target), "--artist", "Somebody"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"wrote {target}, a pytorch-examples network" in result.stdout
    model = load_style_model(target)
    assert (model.name, model.card["artist"]) == ("mosaic", "Somebody")
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "already there; add --overwrite" in again.stderr
    assert CliRunner().invoke(app, [*arguments, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none.pth", "-o", "a.safetensors"], "none.pth: no such file"),
        (["mosaic.pth", "-o", "a.onnx"], "style files end in .safetensors"),
        (["wave.index", "-o", "a.safetensors"], "recipes/import_lengstrom.py CHECKPOINT -o"),
        ([".", "-o", "a.safetensors"], "is no file; give a .pth or .model file"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], complaint: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoint.parent)
    if "wave.index" in arguments:
        Path("wave.index").write_bytes(b"a table")
    result = CliRunner().invoke(app, ["import", *arguments])
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not Path("a.safetensors").exists()


def test_our_own_style_files_need_no_import(checkpoint: Path) -> None:
    ours = gallery.find_style("udnie").path
    target = checkpoint.with_name("again.safetensors")
    result = CliRunner().invoke(app, ["import", str(ours), "-o", str(target)])
    assert result.exit_code == 2
    assert "is a model of Impasto's already" in result.stderr
