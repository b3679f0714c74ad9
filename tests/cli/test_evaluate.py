"""`impasto evaluate` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.media import imresize, write_picture

RUNNER = CliRunner()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two images."""
    torch.manual_seed(0)
    for name in ("a", "b"):
        coarse = torch.rand(1, 3, 6, 6)
        write_picture(tmp_path / "tiny" / f"{name}.png", imresize(coarse, (48, 48)).clamp(0, 1))
    return tmp_path / "tiny"


def evaluate(images: Path, output: Path, *options: str) -> Any:
    words = ["--sets", str(images), "--factor", "2", "--distances", "none", "-o", str(output)]
    return RUNNER.invoke(app, ["evaluate", "superres", *words, *options])


def test_results_table_and_where_they_are(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "r.json"
    done = evaluate(images, output, "--models", "bilinear,bicubic,sharp=lanczos")
    assert done.exit_code == 0, done.output
    models = json.loads(output.read_text(encoding="utf-8"))["models"]
    assert list(models) == ["bilinear", "bicubic", "sharp"]
    table = output.with_suffix(".md").read_text(encoding="utf-8")
    assert "| sharp" in table
    assert table in done.output
    assert f"results: {output}" in done.output


def test_the_same_command_again_goes_on(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    for _ in range(2):
        assert evaluate(images, output, "--models", "bicubic").exit_code == 0
        rows = json.loads(output.read_text(encoding="utf-8"))["rows"]
    seconds = [row["seconds"] for row in rows]
    evaluate(images, output, "--models", "bicubic,bilinear")
    again = json.loads(output.read_text(encoding="utf-8"))["rows"]
    assert [row["seconds"] for row in again if row["model"] == "bicubic"] == seconds


def test_a_bad_image_is_reported_and_the_exit_code_is_1(images: Path, tmp_path: Path) -> None:
    (images / "a.png").write_bytes(b"")
    done = evaluate(images, tmp_path / "r.json", "--models", "bicubic")
    assert done.exit_code == 1
    assert "failed: tiny/a: " in done.stderr
    assert "1 failed" in done.stderr
    assert "1 image " in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "bicubix"], "bicubix"),
        (["--models", "bicubic,,pixel"], "--models: got 'bicubic,,pixel'"),
        (["--protocol", "ours"], "no protocol 'ours'"),
        (["--color-match", "warm"], "no colour match"),
        (["--output", "FILE/r.json"], "cannot be written"),
        (["--output", "results"], "wanted the name of a .json file"),
        (["--factor", "7"], "no factor 7"),
    ],
)
def test_nonsense_is_one_line_and_exit_code_2(
    images: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    options = [option.replace("FILE", str(images / "a.png")) for option in options]
    done = evaluate(images, tmp_path / "r.json", "--models", "bicubic", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    "words", [["evaluate"], ["evaluate", "superres"], ["evaluate", "style"], ["bench"]]
)
def test_help_loads_nothing_slow(words: list[str]) -> None:
    script = (
        f"import sys; sys.argv = ['impasto', *{[*words, '--help']!r}]\n"
        "from impasto.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "slow = {'torch', 'numpy', 'PIL', 'impasto.media'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
