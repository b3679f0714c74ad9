"""Flags from declarations: what is typed, what the help says, and errors that name flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from impasto.cli.flags import Command, with_flags
from impasto.errors import OptionError, TrainingError
from impasto.options import Options, option

RUNNER = CliRunner()


@dataclass(frozen=True, kw_only=True)
class Look(Options):
    patch_px: int = option(
        96, "Side of patches.", unit="px", at_least=1, flags=("--patch",), group="Data"
    )
    scales: tuple[float, ...] = option((1.0, 0.5), "Photos are reduced by these.", group="Data")
    photos: tuple[Path, ...] = option((), "Folder of photos; repeat it.", group="Data")
    layers: Mapping[str, float] = option(
        help="Layers.", factory=lambda: {"relu1_2": 1.0, "relu2_2": 0.5}
    )
    loss: Literal["pixel", "both"] = option("pixel", "What is descended.")
    relative: bool = option(True, "Relative errors.", flags=("--relative", "--absolute"))
    licence: str = option("", "In the card.", flags=())


def _app(command: Any) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(cls=Command)(with_flags(Look)(command))
    return app


def _given(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def run(given: dict[str, Any]) -> None:
        found.update(given)

    result = RUNNER.invoke(_app(run), list(arguments))
    if isinstance(result.exception, OptionError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return found


def test_only_what_is_given_arrives_as_the_record_wants_it() -> None:
    assert _given() == {}
    arguments = ["--patch", "64", "--scales", "1,0.75", "--photos", "a", "--photos", "b"]
    assert _given(*arguments, "--layers", "x,y:2", "--loss", "both", "--absolute") == {
        "patch_px": 64,
        "scales": (1.0, 0.75),
        "photos": (Path("a"), Path("b")),
        "layers": {"x": 1.0, "y": 2.0},
        "loss": "both",
        "relative": False,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--patch", "0"), "--patch: got 0; wanted a whole number of px, 1 or more"),
        (("--patch", "many"), "--patch: got 'many'"),
        (("--scales", "1,two"), "--scales: got '1,two'; wanted a list of numbers"),
        (("--layers", "x:heavy"), "--layers: the weight 'heavy' of 'x' is not a number"),
        (("--loss", "best"), "--loss: got 'best'; choose from pixel, both"),
    ],
)
def test_a_wrong_value_is_refused_with_its_flag(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(OptionError) as refused:
        _given(*arguments)
    assert said in str(refused.value)


def test_the_help_has_defaults_and_a_heading_for_each_group() -> None:
    lines = RUNNER.invoke(_app(lambda given: given), ["--help"]).output
    text = " ".join(lines.split())
    assert "Data: --patch PX Side of patches. [96]" in text
    assert "--scales LIST Photos are reduced by these. [1,0.5]" in text
    assert "Layers. [relu1_2,relu2_2:0.5]" in text
    assert "--loss pixel|both What is descended. [pixel]" in text
    assert "licence" not in text
    assert text.index("Data:") < text.index("Options:") < text.index("--help")


def test_errors_of_the_library_name_the_flags_and_arguments_of_the_command() -> None:
    def run(photo: Annotated[str, typer.Argument(metavar="PHOTO")], given: dict[str, Any]) -> None:
        raise TrainingError(f"`patch_px` is too large for `photo` {photo}, not `other`: {given}")

    error = RUNNER.invoke(_app(run), ["p.jpg"]).exception
    assert isinstance(error, TrainingError)
    assert str(error) == "--patch is too large for PHOTO p.jpg, not `other`: {}"
