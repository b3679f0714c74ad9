"""`impasto export`: says what it wrote and how it was checked; errors in one line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app


def test_a_bundled_style_becomes_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    target = tmp_path / "night.onnx"
    result = CliRunner().invoke(app, ["export", "starry-night", "-o", str(target)])
    assert result.exit_code == 0, result.output
    assert target.stat().st_size > 1_000_000
    assert f"wrote {target}; run by ONNX Runtime" in result.stdout
    again = CliRunner().invoke(app, ["export", "starry-night", "-o", str(target)])
    assert again.exit_code == 2
    assert "is already there; add --overwrite" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["starry-nite", "-o", "a.onnx"], "did you mean 'starry-night'"),
        (["starry-night", "-o", "a.tflite"], "end in .onnx or .xml, not in .tflite"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, ["export", *arguments])
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
