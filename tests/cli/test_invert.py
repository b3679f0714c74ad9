"""`impasto invert` as it is typed: pictures by layer, the sheet, a model, refusals, Ctrl-C."""

import inspect
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from PIL import Image
from torch import Tensor
from typer.main import get_command
from typer.testing import CliRunner, Result

import impasto
from impasto.cli.app import app
from impasto.models import save_model
from impasto.networks import load_loss_network
from impasto.networks.inversion import InversionConfig as DecoderConfig
from impasto.networks.inversion import InversionNetwork
from impasto.optimization.config import InversionConfig
from impasto.optimization.objective import PixelObjective


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photo.png of 40 x 30 px."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((40, 30)).save(tmp_path / "photo.png")
    return tmp_path


def run(network_file: Path, *words: str | Path) -> Result:
    usual = ["photo.png", "-o", "out.png", "--iterations", "2", "--loss-network", str(network_file)]
    return CliRunner().invoke(app, ["invert", *usual, *map(str, words)])


def made(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"photo.png"}


def test_one_layer_makes_one_picture_of_the_photos_size(network_file: Path, folder: Path) -> None:
    result = run(network_file, "--layer", "relu1_2")
    assert result.exit_code == 0, result.output
    assert made(folder) == {"out.png"}
    assert "relu1_2: " in result.stdout
    with Image.open("out.png") as picture:
        assert picture.size == (40, 30)


def test_several_layers_make_a_picture_each_and_a_sheet(network_file: Path, folder: Path) -> None:
    result = run(network_file, "--layer", "relu1_1,relu2_1", "--layer", "relu1_2", "--size", "32")
    assert result.exit_code == 0, result.output
    assert made(folder) == {
        "out.png",
        "out-relu1_1.png",
        "out-relu2_1.png",
        "out-relu1_2.png",
    }
    with Image.open("out-relu2_1.png") as picture, Image.open("out.png") as sheet:
        assert picture.size == (32, 24)
        assert sheet.width > 4 * 32
    assert [line.split(":")[0] for line in result.stdout.splitlines()[:3]] == [
        "relu1_1",
        "relu2_1",
        "relu1_2",
    ]


def test_a_model_inverts_in_one_pass(network_file: Path) -> None:
    weights_hash = load_loss_network(network_file).weights_hash
    config = DecoderConfig(
        loss_network=str(network_file), weights_hash=weights_hash, layer="relu2_1", channels=128,
        stride=2, width=0.25,
    )  # fmt: skip
    save_model("decoder.safetensors", InversionNetwork(config), config, {})
    words = ["invert", "photo.png", "-o", "out.png", "--model", "decoder.safetensors"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "relu2_1: " in result.stdout
    with Image.open("out.png") as picture:
        assert picture.size == (40, 30)
    assert impasto.invert("photo.png", model="decoder.safetensors").size == (40, 30)


def test_ctrl_c_keeps_what_is_there(
    network_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    genuine = PixelObjective.__call__

    def interrupted(self: PixelObjective, image: Tensor) -> tuple[float, Tensor]:
        nonlocal calls
        calls += 1
        if calls > allowed:
            raise KeyboardInterrupt
        return genuine(self, image)

    allowed = 10**9
    monkeypatch.setattr(PixelObjective, "__call__", interrupted)
    assert run(network_file, "--layer", "relu1_1").exit_code == 0
    per_layer = calls
    (folder / "out.png").unlink()
    calls, allowed = 0, per_layer + 12  # the start, and a step of the next layer
    result = run(network_file, "--layer", "relu1_1,relu1_2,relu2_1")
    assert result.exit_code == 130
    assert "the best so far is in" in result.stderr
    assert made(folder) == {"out.png", "out-relu1_1.png", "out-relu1_2.png"}
    for path in folder.glob("out*"):
        path.unlink()
    calls, allowed = 0, 1
    assert run(network_file, "--layer", "relu2_1").exit_code == 130
    assert made(folder) == set()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "at least one of --layer"),
        (["--layer", "relu9_1"], 2, "relu9_1"),
        (["--layer", "relu1_1,relu1_1"], 2, "each once"),
        (["--layer", "relu1_1", "--model", "x.safetensors"], 2, "not both"),
        (["--model", "x.safetensors"], 2, "no such file"),
        (["--layer", "relu1_1", "--iterations", "0"], 2, "--iterations"),
        (["--layer", "relu1_1", "--tv-weight", "-1"], 2, "--tv-weight"),
        (["--layer", "relu1_1", "--size", "8"], 1, "8 x 6 px"),
        (["--layer", "relu1_1", "--size", "99999"], 2, "8192"),
        (["--layer", "relu1_1", "--precision", "half"], 2, "half"),
        (["--layer", "relu1_1", "-o", "photo.png"], 2, "never overwritten"),
        (["--layer", "relu1_1", "-o", "out.docx"], 1, "docx"),
        (["--layer", "relu1_1", "-o", "photo.png/out.png"], 1, "cannot be written"),
        (["--layer", "relu1_1", "--max-pixels", "100"], 1, "photo.png"),
    ],
)
def test_bad_input_is_one_line_before_the_work(
    network_file: Path, folder: Path, words: list[str], code: int, said: str
) -> None:
    result = run(network_file, *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert made(folder) == set()


def test_pictures_that_say_nothing_are_refused(network_file: Path, folder: Path) -> None:
    Image.new("RGB", (40, 30), (9, 90, 9)).save("photo.png")
    result = run(network_file, "--layer", "relu1_1")
    assert (result.exit_code, made(folder)) == (1, set())
    assert "one colour" in result.stderr
    (folder / "photo.png").write_text("no picture", encoding="utf-8")
    assert run(network_file, "--layer", "relu1_1").exit_code == 1


def test_a_kept_preview_shows_the_work(network_file: Path, folder: Path) -> None:
    assert run(network_file, "--layer", "relu1_1", "--preview", "look.jpg").exit_code == 0
    assert made(folder) == {"out.png", "look.jpg"}


def test_python_and_command_have_the_options_of_the_config() -> None:
    fields = set(get_type_hints(InversionConfig))
    assert fields - {"layers"} <= set(inspect.signature(impasto.invert).parameters)
    command = get_command(app).load("invert")  # type: ignore[attr-defined]
    flags = {parameter.name for parameter in command.params}
    assert fields <= flags


def test_the_facade_inverts_what_it_is_given(network_file: Path) -> None:
    with Image.open("photo.png") as photo:
        found = impasto.invert(
            photo, "relu1_1", loss_network=str(network_file), iterations=2, size=32
        )
    assert (found.mode, found.size) == ("RGB", (32, 24))
