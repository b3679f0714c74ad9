"""`impasto figures`: from result files to tables and pictures."""

from pathlib import Path
from typing import Annotated

import typer


def figures(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS.json...", help="Of `impasto evaluate` or `reproduce`."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Without it: beside each file."),
    ] = None,
    join: Annotated[
        bool,
        typer.Option("--join", help="Of one reproduction, measured in parts: make it one."),
    ] = False,
) -> None:
    """Draw the figures and write the table of results that were measured before.

    Crops side by side, PSNR against perceptual distance, and the table in Markdown, from the
    results and the pictures kept beside them alone: no network runs. `--join -o FOLDER` first puts
    into one file what several machines, or several runs beside each other, measured of one
    reproduction.
    """
    from impasto.errors import OptionError
    from impasto.evaluation.figures import draw_figures
    from impasto.evaluation.joining import join_records

    if join:
        if output is None:
            raise OptionError("--join: give the folder of the joined file, --output FOLDER")
        results = [join_records(results, output)]
        typer.echo(str(results[0]))
    for path in results:
        for drawn in draw_figures(path, path.parent if output is None else output):
            typer.echo(str(drawn))
