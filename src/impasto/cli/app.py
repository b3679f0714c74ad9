"""The `impasto` command: which sub-commands there are. Nothing heavy is imported up here."""

from typing import Annotated

import typer

from impasto.cli.bench import bench
from impasto.cli.bundled import styles, upscalers
from impasto.cli.export import export
from impasto.cli.figures import figures
from impasto.cli.import_model import import_model
from impasto.cli.invert import invert
from impasto.cli.optimize import optimize
from impasto.cli.reproduce import reproduce
from impasto.cli.root import App, RootGroup
from impasto.cli.stylize import stylize
from impasto.cli.texture import texture
from impasto.cli.upscale import restore, upscale

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


app.command("stylize")(stylize)
app.command("upscale")(upscale)
app.command("restore")(restore)
app.command("optimize")(optimize)
app.command("invert")(invert)
app.command("texture")(texture)
app.command("styles")(styles)
app.command("upscalers")(upscalers)


@app.command("train", help="Train a style of your own from a painting and a folder of photos.")
def _train_stand_in() -> None:
    # RootGroup puts impasto.cli.train in place of this when it is called.
    raise NotImplementedError


@app.command("evaluate", help="Measure super-resolution models and styles.")
def _evaluate_stand_in() -> None:
    # RootGroup puts impasto.cli.evaluate in place of this when it is called.
    raise NotImplementedError


app.command("export")(export)
app.command("import")(import_model)
app.command("bench")(bench)
app.command("figures")(figures)
app.command("reproduce", no_args_is_help=True)(reproduce)
