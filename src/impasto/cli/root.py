"""The classes of commands and of their group: errors in one line, exit codes, late imports."""

import re
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from impasto.cli.flags import Command
from impasto.errors import ImpastoError, ModelError, OptionError

EXIT_FAILED = 1  # something that was asked for could not be done
EXIT_USAGE = 2  # the command itself was wrong, nothing was begun
EXIT_INTERRUPTED = 130  # Ctrl-C, as shells count it

# command or group -> "module:function or app" behind it, and what `impasto --help` says of it
COMMANDS = {
    "stylize": ("pictures:stylize", "Paint photos in the style of a painting."),
    "upscale": ("pictures:upscale", "Enlarge photos with a super-resolution network."),
    "restore": ("pictures:restore", "Take away noise, blocks or blur, add colour, fill holes."),
    "optimize": ("optimization:optimize", "Paint one photo as well as it can be, in minutes."),
    "invert": ("optimization:invert", "Show what a layer of a loss network keeps of a photo."),
    "texture": ("optimization:texture", "Make a texture like that of a painting."),
    "styles": ("models:styles", "List the bundled styles."),
    "upscalers": ("models:upscalers", "List the bundled super-resolution and restoration models."),
    "train": ("train:train_app", "Train a network: a style, super-resolution, restoration."),
    "evaluate": ("evaluation:evaluate_app", "Measure super-resolution models and styles."),
    "export": ("models:export", "Write a model as a file for ONNX Runtime, OpenVINO or PyTorch."),
    "import": ("models:import_model", "Turn a checkpoint of another project into a style."),
    "bench": ("evaluation:bench", "Find the fastest settings for this machine, in about a minute."),
}

# words of the parser for engineers -> words for everybody
_PLAIN_WORDS = (
    (r"^Value error, ", ""),
    (r"Input should be a valid integer, unable to parse string as an integer", "a whole number"),
    (r"Input should be a valid number, unable to parse string as a number", "a number"),
    (r"Input should be greater than or equal to (\S+)", r"\1 or more"),
    (r"Input should be less than or equal to (\S+)", r"\1 at most"),
    (r"Input should be (?:a valid )?", ""),
)


_Function = TypeVar("_Function", bound=Callable[..., Any])


class _QuickFlags:
    """For commands and groups: flags nobody gave are False at once.

    Typer leaves --help and the completion flags at None when they are not given, and imports
    Pydantic to validate that: more than half of the start-up time of a light command.
    """

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            only_calls_back = getattr(param, "is_flag", False) and not param.expose_value
            if only_calls_back and param.default is None:
                param.default = False
        return params


class QuickCommand(_QuickFlags, Command):
    """A command of ours: light to start, old spellings known, complaints in plain words."""

    def make_context(self, info_name: Any, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Read the arguments."""
        try:
            return super().make_context(info_name, self._respelled(args), *rest, **extra)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):
                for word, plain in _PLAIN_WORDS:
                    message = re.sub(word, plain, message)
                error.message = message  # type: ignore[attr-defined]
            raise

    def _respelled(self, args: list[str]) -> list[str]:
        """`--quality` was the network in some commands, and `--file-quality` the file's."""
        flags = {flag for param in self.params for flag in param.opts}
        new = list(args)
        for index, word in enumerate(args):
            if word == "--":
                break
            name, equals, value = word.partition("=")
            value = value if equals else "".join(args[index + 1 : index + 2])
            if name == "--file-quality" and "--quality" in flags:
                now = "--quality"
            elif name == "--quality" and value in ("full", "fast") and "--network" in flags:
                now = "--network"
            else:
                continue
            new[index] = now + word.removeprefix(name)
            print(f"note: {name} is now called {now}; please write {now} {value}", file=sys.stderr)
        return new


class App(typer.Typer):
    """A Typer whose commands are ours, with plain help and Python's own tracebacks."""

    def __init__(self, **options: Any) -> None:
        # Rich's panels double the start-up time and halve the room for the text.
        super().__init__(
            no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **options
        )

    def command(
        self, name: str | None = None, *, cls: Any = QuickCommand, **options: Any
    ) -> Callable[[_Function], _Function]:
        """As Typer's."""
        return super().command(name, cls=cls, **options)


class RootGroup(_QuickFlags, TyperGroup):
    """`impasto`: every command's errors and interruptions end here."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's, of the command itself."""
        self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> Any:
        """The command or group, put in place of its stand-in; None if there is none.

        `impasto --help` only lists names, so it never pays for what a command imports.
        """
        if name in COMMANDS:
            module, attribute = COMMANDS[name][0].split(":")
            found = getattr(import_module(f"impasto.cli.{module}"), attribute)
            if isinstance(found, typer.Typer):
                command: Any = get_group(found)
            else:
                single = App(add_completion=False)
                single.command(name)(found)
                command = get_command(single)
            command.name = name
            self.commands[name] = command
        return self.commands.get(name)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what it raises into one line on stderr and an exit code."""
        debug = bool(ctx.params.get("debug"))
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows here, where typer ends quietly, not at exit
            return result
        except ImpastoError as error:
            if debug:
                traceback.print_exc()
            else:
                line = " ".join(str(error).splitlines())
                print(f"impasto: {line}", file=sys.stderr)
            usage = isinstance(error, OptionError | ModelError)
            raise typer.Exit(EXIT_USAGE if usage else EXIT_FAILED) from None
        except BrokenPipeError:
            raise  # whoever read our output has gone: typer ends quietly
        except OSError as error:
            if debug:
                traceback.print_exc()
            place = f"{error.filename}: " if error.filename else ""
            reason = error.strerror or str(error)
            print(f"impasto: {place}{reason} (--debug shows where)", file=sys.stderr)
            raise typer.Exit(EXIT_FAILED) from None
        except KeyboardInterrupt as stop:
            if debug:
                traceback.print_exc()
            kept = f"; {stop}" if str(stop) else ""
            print(f"impasto: interrupted; no file is left half-written{kept}", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from None
