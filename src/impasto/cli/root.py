"""The root command group: members imported when called, errors in one line, exit codes."""

import sys
import traceback
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from impasto.errors import ImpastoError, ModelError, OptionError

EXIT_FAILED = 1  # something that was asked for could not be done
EXIT_USAGE = 2  # the command itself was wrong, nothing was begun
EXIT_INTERRUPTED = 130  # Ctrl-C, as shells count it

# command group -> "module:typer app" behind it; app.py declares a stand-in with the same name
LAZY_GROUPS = {
    "train": "impasto.cli.train:train_app",
    "evaluate": "impasto.cli.evaluate:evaluate_app",
}


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


class QuickCommand(_QuickFlags, TyperCommand):
    """A command whose start-up time matters."""


class RootGroup(_QuickFlags, TyperGroup):
    """`impasto`: every command's errors and interruptions end here."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real group in place of its stand-in, now that it is called by name.

        `impasto --help` only lists names, so it never pays for what a group imports.
        """
        home = LAZY_GROUPS.get(args[0])
        if home is not None:
            module, attribute = home.split(":")
            group: Any = get_group(getattr(import_module(module), attribute))
            group.name = args[0]
            self.commands[args[0]] = group
        return super().resolve_command(ctx, args)

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
