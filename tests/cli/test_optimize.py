"""`impasto optimize` as it is typed: results, refusals, exit codes, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.cli.optimization_progress import OptimizationProgress, describe_step
from impasto.cli.optimize import FILE_FLAGS
from impasto.media import imresize, write_picture
from impasto.optimization import Notice, OptimizationConfig, OptimizationStep
from impasto.optimization.optimize import OptimizationOptions


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
    usual = ["--content", "photo.png", "--style", "painting.png", "-o", "out.png"]
    usual += ["--loss-network", str(network_file), "--iterations", "2", "--size", "40"]
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
        *("--max-memory", "2", "--preview", "look.png", "--preview-every", "0"),
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
        (["--max-memory", "0.01"], 2, "GiB"),
        (["--max-memory", "10MB"], 2, "GiB"),
        (["--max-memory", "plenty"], 2, "--max-memory: got 'plenty'"),
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


def test_the_facades_keywords_and_the_flags_are_the_configs_fields() -> None:
    group: Any = get_command(app)
    flags = {param.name for param in group.load("optimize").params}
    fields = set(OptimizationConfig.__dataclass_fields__)
    assert set(get_type_hints(OptimizationOptions)) == fields - {"init"}
    renamed = {"max_memory_bytes": "max_memory", "relative": "absolute"}
    wanted = {renamed.get(name, name) for name in fields}
    assert flags == wanted | set(FILE_FLAGS)


def step(**changes: Any) -> OptimizationStep:
    values: dict[str, Any] = {
        "iteration": 3,
        "iterations": 10,
        "stage": 2,
        "stages": 4,
        "total": 1.25,
        "terms": {"content": 0.5, "style": 0.25, "tv": 0.0, "style relu1_1": 1e-6},
        "image": torch.zeros(1, 3, 20, 30),
        "images_per_second": 2.0,
    }
    return OptimizationStep(**{**values, **changes})


def test_the_live_line_names_every_term() -> None:
    assert describe_step(step()) == (
        "stage 2/4  30x20  total 1.2500  content 0.5000  style 0.2500  [relu1_1 1.00e-06]"
        "  2.00 it/s"
    )
    assert describe_step(step(stages=1, terms={"content": 2e5})) == (
        "30x20  total 1.2500  content 2.00e+05  2.00 it/s"
    )


def test_where_nobody_watches_the_last_step_and_notices_are_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with OptimizationProgress.running() as progress:
        progress.on_event(Notice(message="look here"))
        progress.on_event(step())
        progress.on_event(step(iteration=10))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "note: look here"
    assert lines[1].startswith("10/10  stage 2/4")
    assert len(lines) == 2
