"""The `impasto` command: which sub-commands there are. They are imported when they are called."""

from typing import Annotated

import typer

from impasto.cli.root import App, RootGroup

EPILOG = "Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted."
# What `impasto --help` says of each; LAZY_COMMANDS and LAZY_GROUPS say where it is.
COMMANDS = {
    "stylize": "Paint photos in the style of a painting.",
    "upscale": "Enlarge photos with a super-resolution network.",
    "restore": "Take away noise, blocks or blur, add colour, or fill holes.",
    "optimize": "Paint one photo as well as it can be, in minutes.",
    "invert": "Show what a layer of a loss network keeps of a photo.",
    "texture": "Make a texture like that of a painting.",
    "styles": "List the bundled styles.",
    "upscalers": "List the bundled super-resolution and restoration models.",
    "train": "Train a network: a style, super-resolution, restoration.",
    "evaluate": "Measure super-resolution models and styles.",
    "export": "Write a model as a file for ONNX Runtime, OpenVINO or PyTorch.",
    "import": "Turn a checkpoint of another project into a style.",
    "bench": "Find the fastest settings for this machine, in about a minute.",
}

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


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(_stand_in)
