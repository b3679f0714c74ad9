"""`impasto evaluate style` as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.media import imresize, write_picture

RUNNER = CliRunner()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of one photo."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    write_picture(tmp_path / "photos" / "a.png", imresize(coarse, (80, 80)).clamp(0, 1))
    return tmp_path / "photos"


def evaluate(photos: Path, output: Path, *options: str) -> Any:
    words = ["--photos", str(photos), "--styles", "starry-night", "--size", "64"]
    return RUNNER.invoke(app, ["evaluate", "style", *words, "-o", str(output), *options])


def test_a_table_is_printed_and_written_beside_the_results(
    photos: Path, tmp_path: Path, shared_data: Path
) -> None:
    del shared_data  # the loss network lies there
    output = tmp_path / "s.json"
    done = evaluate(photos, output)
    assert done.exit_code == 0, done.output
    table = output.with_suffix(".md").read_text(encoding="utf-8")
    assert table in done.stdout
    assert "googlenet-caffe" in table
    assert "1 of 1" in table
    kinds = [e["of"]["kind"] for e in json.loads(output.read_text())["entries"].values()]
    assert kinds == ["painting", "untouched", "network"]


def test_the_network_of_the_training_is_refused(
    photos: Path, tmp_path: Path, shared_data: Path
) -> None:
    del shared_data
    done = evaluate(photos, tmp_path / "s.json", "--loss-network", "vgg19-normalised")
    assert done.exit_code == 2
    assert "'starry-night' was trained with 'vgg19-normalised'" in done.stderr
    assert not (tmp_path / "s.json").exists()


def test_nonsense_is_refused(photos: Path, tmp_path: Path) -> None:
    for options, message in (
        (["--style-layers", "a,,b"], "wanted names with commas"),
        (["--size", "8"], "--size: got 8; wanted a whole number of px, 64 or more"),
    ):
        done = evaluate(photos, tmp_path / "s.json", *options)
        assert done.exit_code == 2
        assert message in done.stderr
    assert evaluate(photos, tmp_path / "s.txt").exit_code == 2
