"""The root command: errors end in one line and an exit code, groups are imported when called."""

import os
import subprocess
import sys
from importlib.metadata import version
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.cli.root import COMMANDS, RootGroup
from impasto.errors import ImageError, ImpastoError, ModelError, OptionError, TrainingError


def run(*args: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(app, list(args))


def run_raising(error: BaseException, *args: str, **environment: str) -> Result:
    """What `impasto fail` would do if a command `fail` raised `error`."""
    failing = typer.Typer(cls=RootGroup, pretty_exceptions_enable=False)

    @failing.callback()
    def _root(debug: bool = typer.Option(False, envvar="IMPASTO_DEBUG")) -> None:
        """As in the real root."""

    @failing.command()
    def fail() -> None:
        raise error

    return CliRunner(env=environment).invoke(failing, [*args, "fail"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageError("x"), 1),
        (TrainingError("x"), 1),
        (ImpastoError("x"), 1),
        (OptionError("x"), 2),
        (ModelError("x"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_tell_failure_wrong_usage_and_interruption_apart(
    error: BaseException, code: int
) -> None:
    assert run_raising(error).exit_code == code


def test_an_error_is_one_line_on_stderr_without_a_traceback() -> None:
    result = run_raising(ImageError("a.jpg: is\nempty"))
    assert result.stderr == "impasto: a.jpg: is empty\n"
    assert result.stdout == ""


def test_debugging_adds_the_traceback_and_keeps_the_exit_code() -> None:
    for result in (
        run_raising(OptionError("x"), "--debug"),
        run_raising(OptionError("x"), IMPASTO_DEBUG="1"),
    ):
        assert "Traceback" in result.stderr
        assert result.stderr.endswith("OptionError: x\n")
        assert result.exit_code == 2


def test_an_interruption_is_told_in_one_line() -> None:
    result = run_raising(KeyboardInterrupt())
    assert result.stderr.startswith("impasto: interrupted")
    assert result.stderr.count("\n") == 1


def test_what_is_no_error_of_ours_is_not_swallowed() -> None:
    assert isinstance(run_raising(ZeroDivisionError("a bug")).exception, ZeroDivisionError)


def test_version_is_that_of_the_installed_package() -> None:
    result = run("--version")
    assert (result.stdout, result.exit_code) == (f"impasto {version('impasto')}\n", 0)


def test_help_lists_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in ("stylize", "styles", "train"):
        assert command in result.stdout


def test_a_mistyped_command_is_wrong_usage_and_suggests_the_nearest() -> None:
    result = run("stylise")
    assert result.exit_code == 2
    assert "stylize" in result.stderr


def test_a_group_is_imported_when_it_is_called_and_not_for_the_list_of_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_app = typer.Typer()

    @train_app.command("style")
    def train_style(iterations: int) -> None:
        typer.echo(f"trained {iterations}")

    name = "stand_in_for_training"
    monkeypatch.setitem(COMMANDS, "train", (f"{name}:train_app", "Train."))
    assert "train" in run("--help").stdout  # the module does not exist yet: an import would fail
    module = ModuleType(name)
    module.train_app = train_app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"impasto.cli.{name}", module)
    assert run("train", "style", "3").stdout == "trained 3\n"
    # One command in a group stays a group: `impasto train style`, not `impasto train`.
    assert run("train", "3").exit_code == 2


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("impasto sty", {"stylize", "styles"}),
        ("impasto upscale a.jpg --model pixel-x", {"pixel-x2", "pixel-x3", "pixel-x4"}),
        ("impasto stylize a.jpg --style starry", {"starry-night"}),
    ],
)
def test_the_shell_completes_commands_and_bundled_models(typed: str, offered: set[str]) -> None:
    environment = {
        **os.environ,
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
        "_IMPASTO_COMPLETE": "complete_bash",
    }
    command = [sys.executable, "-m", "impasto"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert offered <= set(done.stdout.split())
