"""`impasto export`: says what it wrote and how it was checked; errors in one line."""

import errno
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app


def test_a_bundled_style_becomes_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    target = tmp_path / "night.onnx"
    result = CliRunner().invoke(app, ["export", "starry-night", "--dynamic", "-o", str(target)])
    assert result.exit_code == 0, result.output
    assert target.stat().st_size > 1_000_000
    assert f"wrote {target}; run by ONNX Runtime" in result.stdout
    again = CliRunner().invoke(app, ["export", "starry-night", "-o", str(target)])
    assert again.exit_code == 2
    assert "is already there; add --overwrite" in again.stderr


def test_a_bundled_upscaler_becomes_a_file_of_one_size(tmp_path: Path) -> None:
    target = tmp_path / "clean.pt2"
    arguments = ["restore-noise", "-o", str(target), "--size", "20x31", "--precision", "bfloat16"]
    result = CliRunner().invoke(app, ["export", *arguments])
    assert result.exit_code == 0, result.output
    assert f"wrote {target}; run by PyTorch" in result.stdout
    assert target.is_file()


def test_weights_of_another_file_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "night.bin").write_text("something of the user's")
    target = tmp_path / "night.xml"
    result = CliRunner().invoke(app, ["export", "starry-night", "-o", str(target)])
    assert result.exit_code == 2
    assert "night.bin is already there" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["starry-nite", "-o", "a.onnx"], "did you mean 'starry-night'"),
        (["perceptul-x2", "-o", "a.onnx"], "did you mean 'perceptual-x2'"),
        (["starry-night", "-o", "a.tflite"], "end in .onnx, .xml or .pt2, not in .tflite"),
        (["starry-night", "-o", "a.onnx", "--precision", "bfloat16"], "have no 'bfloat16'"),
        (["starry-night", "-o", "a.onnx", "--size", "0x9"], "wanted height x width"),
        (["starry-night", "-o", "a.onnx", "--size", "9x9", "--dynamic"], "give one of the two"),
        (["nowhere/a.safetensors", "-o", "a.onnx"], "no such file"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["export", *arguments])
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = CliRunner().invoke(app, ["export", "restore-noise", "-o", str(tmp_path / "clean.pt2")])
    assert result.exit_code == 1
    assert "impasto: No space left on device" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "night.onnx").mkdir()
    command = ["export", "starry-night", "--overwrite", "-o", str(tmp_path / "night.onnx")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "night.onnx: is a folder; give the name of a file" in result.stderr
