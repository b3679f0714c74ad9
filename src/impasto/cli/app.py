"""The `impasto` command: which sub-commands there are. They are imported when they are called."""

from typing import Annotated

import typer

from impasto.cli.root import COMMANDS, App, RootGroup

EPILOG = "Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted."

app = App(name="impasto", cls=RootGroup, epilog=EPILOG)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"impasto {version('impasto')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="IMPASTO_DEBUG", help="Show tracebacks of errors."),
    ] = False,
) -> None:
    """Paint photos in the style of a painting, enlarge them, and train the networks that do it."""


def _stand_in() -> None:
    # RootGroup puts the command itself in place of this when it is called.
    raise NotImplementedError


for _name, (_, _help) in COMMANDS.items():
    app.command(_name, help=_help)(_stand_in)
