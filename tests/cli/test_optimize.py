"""`impasto optimize` as it is typed: results, refusals, exit codes, Ctrl-C."""

import inspect
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

import impasto
from impasto.cli.app import app
from impasto.media import imresize, write_picture
from impasto.optimization.config import OptimizationConfig


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photo.png, painting.png, other.png and left.png, a mask."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo", "painting", "other")):
        coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
        write_picture(tmp_path / f"{name}.png", imresize(coarse, (40, 48)).clamp(0, 1))
    mask = Image.new("L", (48, 40), 255)
    mask.paste(0, (24, 0, 48, 40))
    mask.save(tmp_path / "left.png")
    return tmp_path


def run(network_file: Path, *words: str | Path) -> Result:
    """With a small size and few iterations, which later words override."""
    usual = ["photo.png", "--style", "painting.png", "-o", "out.png"]
    usual += ["--loss-network", str(network_file), "--iterations", "2", "--size", "40"]
    if "--content" in words:
        usual = usual[1:]
    return CliRunner().invoke(app, ["optimize", *usual, *map(str, words)])


def test_a_picture_is_painted_and_only_that_is_left(network_file: Path, folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    result = run(network_file)
    assert result.exit_code == 0, result.output
    assert "painted out.png" in result.stdout
    assert {path.name for path in folder.iterdir()} - before == {"out.png"}
    with Image.open("out.png") as painted:
        assert painted.size == (40, 33)


def test_a_file_that_has_the_previews_name_is_left_alone(network_file: Path) -> None:
    Path("out.preview.jpg").write_text("precious")
    result = run(network_file, "--preview-every", "0")
    assert result.exit_code == 0, result.output
    assert Path("out.preview.jpg").read_text() == "precious"
    assert not list(Path().glob("out.preview-*.jpg"))


def test_every_option_arrives(network_file: Path) -> None:
    result = run(
        network_file,
        *("--style", "other.png", "--style-image-weights", "2,1"),
        *("--mode", "paper", "--init", "other.png", "--colors", "luminance", "--absolute"),
        *("--content-layers", "relu2_1", "--style-layers", "relu1_1:0.5,relu2_2"),
        *("--content-weight", "2", "--style-weight", "3", "--tv-weight", "0", "--seed", "3"),
        *("--style-scale", "0.8", "--optimizer", "adam", "--learning-rate", "0.05"),
        *("--start-size", "32", "--pooling", "average", "--precision", "float32"),
        *("--max-memory", "2GB", "--preview", "look.png", "--preview-every", "0"),
        *("--mask", "left.png", "--mask", "left.png", "--no-metadata", "--quality", "80"),
    )
    assert result.exit_code == 0, result.output
    assert Path("look.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--mode", "fast"], 2, "--mode"),
        (["--style-layers", "relu7_1"], 2, "relu7_1"),
        (["--style-layers", "relu1_1:much"], 2, "much"),
        (["--style-layers", "relu1_1,relu1_1:2"], 2, "named twice"),
        (["--preview-every", "nan"], 2, "--preview-every"),
        (["--style-image-weights", "one"], 2, "--style-image-weights"),
        (["--mask", "left.png", "--mask", "left.png"], 2, "2 masks for 1 styles"),
        (["--mask", "missing.png"], 1, "missing.png"),
        (["--init", "missing.png"], 1, "missing.png"),
        (["--content", "missing.png"], 1, "missing.png"),
        (["--max-memory", "0"], 2, "--max-memory"),
        (["--max-memory", "4"], 2, "--max-memory: got 4, which counts bytes; give the unit too"),
        (["--max-memory", "10MB"], 2, "GiB"),
        (["--max-memory", "plenty"], 2, "--max-memory: got 'plenty'"),
        (["other.png"], 2, "Got unexpected extra argument"),
        (["--content", "photo.png", "other.png"], 2, "give one photo"),
        (["-o", "photo.png"], 2, "never overwritten"),
        (["-o", "folder.xyz"], 1, "cannot write"),
        (["-o", "/"], 2, "--output"),
        (["-o", "photo.png/out.png"], 1, "folder"),
        (["--style-weight", "1e38", "--content-weight", "1e38"], 1, "lower the weights"),
        (["--loss-network", "vgg99"], 1, "vgg99"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(
    network_file: Path, folder: Path, words: list[str], code: int, said: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    result = run(network_file, *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert {path.name for path in folder.iterdir()} == before


def test_ctrl_c_writes_the_best_so_far_and_exits_130(network_file: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "impasto", "optimize", "--content", "photo.png"]
    command += ["--style", "painting.png", "-o", "out.png", "--loss-network", str(network_file)]
    command += ["--iterations", "100000", "--size", "48", "--preview-every", "0"]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ""}
    ) as process:
        preview = folder / "out.preview.jpg"
        for _ in range(600):
            if preview.is_file() or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "of 100000 iterations; the best so far is in out.png" in said
    with Image.open(folder / "out.png") as painted:
        assert painted.size == (48, 40)
    assert not preview.exists()


def test_the_photo_may_still_be_given_as_content(network_file: Path) -> None:
    result = run(network_file, "--content", "photo.png")
    assert result.exit_code == 0, result.output
    assert Path("out.png").is_file()


def test_the_facades_keywords_and_the_flags_are_the_configs_fields() -> None:
    group: Any = get_command(app)
    flags = {param.name for param in group.load("optimize").params}
    fields = set(OptimizationConfig.__dataclass_fields__)
    assert fields <= set(inspect.signature(impasto.optimize).parameters)
    assert fields <= flags
