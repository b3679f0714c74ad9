"""Parameters that several commands have and no record of options declares."""

from typing import Annotated, Any

import typer

from impasto.options import Options, declared

IN_OUT, LOOK, SPEED = "Input and output", "Look", "Speed and memory"


def taken(record: type[Options], given: dict[str, Any]) -> Any:
    """The record, of what was given for it, which is removed from `given`."""
    names = [each.name for each, _, _ in declared(record)]
    return record(**{name: given.pop(name) for name in names if name in given})


def _complete_style(incomplete: str) -> list[str]:
    from impasto.models.gallery import list_styles

    return [entry.name for entry in list_styles() if entry.name.startswith(incomplete)]


def complete_upscaler(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "superres")


def _complete_restorer(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "restore")


def _complete_model(incomplete: str, task: str) -> list[str]:
    from impasto.models.upscalers import list_upscalers

    names = [entry.name for entry in list_upscalers() if entry.task == task]
    return [name for name in names if name.startswith(incomplete)]


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Photos, folders (with subfolders), or patterns in quotes, as 'photos/*.jpg'.",
    ),
]
Styles = Annotated[
    list[str],
    typer.Option(
        "--style",
        "-s",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_style,
        rich_help_panel=LOOK,
        help="Bundled style (`impasto styles` lists them) or model file; repeat it for several.",
    ),
]
Restorer = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_restorer,
        rich_help_panel=LOOK,
        help="Bundled model (`impasto upscalers` lists them) or a file of `impasto train restore`.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", rich_help_panel=SPEED, help="Tell what runs the network."),
]
