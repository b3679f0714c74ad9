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
) -> None:
    """Draw the figures and write the table of results that were measured before.

    Crops side by side, PSNR against perceptual distance, and the table in Markdown, from the
    results and the pictures kept beside them alone: no network runs.
    """
    from impasto.evaluation.figures import draw_figures

    for path in results:
        for drawn in draw_figures(path, path.parent if output is None else output):
            typer.echo(str(drawn))
