"""`impasto texture` as it is typed: sizes, refusals, Ctrl-C."""

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from PIL import Image
from torch import Tensor
from typer.main import get_command
from typer.testing import CliRunner, Result

import impasto
from impasto.cli.app import app
from impasto.errors import OptionError
from impasto.events import Cancelled, CancelToken, Event, Step
from impasto.optimization.config import TextureConfig, parse_size
from impasto.optimization.objective import PixelObjective


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: painting.png of 36 x 28 px."""
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((36, 28), 80).convert("RGB").save(tmp_path / "painting.png")
    return tmp_path


def run(network_file: Path, *words: str | Path) -> Result:
    usual = ["painting.png", "--layers", "relu1_1,relu1_2:0.5", "-o", "out.png"]
    usual += ["--iterations", "2", "--loss-network", str(network_file)]
    return CliRunner().invoke(app, ["texture", *usual, *map(str, words)])


def made(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"painting.png"}


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ([], (36, 28)),
        (["--size", "50x20"], (50, 20)),
        (["--size", "24", "--seamless"], (24, 24)),
        (["--painting-size", "20", "--size", "40x33", "--coarsest", "0"], (40, 33)),
    ],
)
def test_a_texture_has_the_size_asked_for(
    network_file: Path, folder: Path, words: list[str], size: tuple[int, int]
) -> None:
    result = run(network_file, *words)
    assert result.exit_code == 0, result.output
    assert "wrote out.png" in result.stdout
    assert made(folder) == {"out.png"}
    with Image.open("out.png") as picture:
        assert picture.size == size


def test_ctrl_c_keeps_what_is_there_at_the_size_asked_for(
    network_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: PixelObjective, image: Tensor) -> tuple[float, Tensor]:
        if self.evaluations > 12:
            raise KeyboardInterrupt
        return genuine(self, image)

    genuine = PixelObjective.__call__
    monkeypatch.setattr(PixelObjective, "__call__", interrupted)
    result = run(network_file, "--size", "40x20", "--iterations", "500")
    assert result.exit_code == 130
    assert "the best so far is in out.png" in result.stderr
    with Image.open("out.png") as picture:
        assert picture.size == (40, 20)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--layers", "relu9_1"], 2, "relu9_1"),
        (["--layers", ""], 2, "--layers"),
        (["--layers", "relu1_1:x"], 2, "not a number"),
        (["--layers", "relu1_1:0"], 2, "weight above 0"),
        (["--size", "big"], 2, "WIDTHxHEIGHT"),
        (["--size", "8x40"], 2, "got (8, 40)"),
        (["--size", "40x9999"], 2, "9999"),
        (["--iterations", "0"], 2, "--iterations"),
        (["--coarsest", "-1"], 2, "--coarsest"),
        (["--painting-size", "8"], 1, "8 x 6 px"),
        (["-o", "painting.png"], 2, "never overwritten"),
        (["-o", "out.docx"], 1, "docx"),
    ],
)
def test_bad_input_is_one_line_before_the_work(
    network_file: Path, folder: Path, words: list[str], code: int, said: str
) -> None:
    result = run(network_file, *words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert made(folder) == set()


def test_sizes_are_width_by_height_or_a_square() -> None:
    assert parse_size("1024x768") == (1024, 768)
    assert parse_size(" 512 ") == (512, 512)
    with pytest.raises(OptionError):
        parse_size("1024x")


def test_python_and_command_have_the_options_of_the_config() -> None:
    fields = set(get_type_hints(TextureConfig))
    assert fields <= set(inspect.signature(impasto.texture).parameters)
    command = get_command(app).load("texture")  # type: ignore[attr-defined]
    assert fields <= {parameter.name for parameter in command.params}


def test_the_facade_makes_textures(network_file: Path) -> None:
    made = impasto.texture(
        "painting.png", ["relu1_1"], loss_network=str(network_file), iterations=2, size_wh=(40, 20)
    )
    assert (made.mode, made.size) == ("RGB", (40, 20))


def test_the_facade_stops_by_a_token_with_the_best_so_far(network_file: Path) -> None:
    token = CancelToken()
    steps: list[Step] = []

    def watch(event: Event) -> None:
        if isinstance(event, Step):
            steps.append(event)
            token.cancel()

    options: dict[str, Any] = {"loss_network": str(network_file), "iterations": 500}
    made = impasto.texture(
        "painting.png", ["relu1_1"], size_wh=(40, 20), cancel=token, on_event=watch, **options
    )
    assert made.size == (40, 20)
    assert len(steps) == 1
    with pytest.raises(Cancelled):
        impasto.invert("painting.png", "relu1_1", cancel=token, **options)
