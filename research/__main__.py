"""`python -m research`: the paper's figures and tables again, and drawn from result files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.evaluation import exit_if_failed
from impasto.cli.flags import with_flags
from impasto.cli.progress import LiveLine
from impasto.cli.root import App, RootGroup
from impasto.errors import OptionError
from impasto.evaluation.configs import names_of
from research.reproductions import Reproduction

app = App(cls=RootGroup, help="Make the paper's figures and tables again, ours beside its own.")


@app.command()
@with_flags(Reproduction)
def reproduce(
    given: dict[str, Any],
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="LIST",
            help="all, or some of: features, styles, sheet, objective, speed, superres.",
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Small and few: all of it in 5 to 8 minutes.")
    ] = False,
) -> None:
    """Measure, then draw the table and the figures.

    features and styles: what each layer keeps. sheet: photo, painting, Gatys, ours. objective:
    against iterations of L-BFGS, with the network's level. speed. superres: the PSNR table.
    First JSON, then tables and figures from it alone. The same command again goes on where it
    stopped.
    """
    from impasto.machine.memory import keep_freed_memory
    from research.reproduce import find_reproductions, make_configs
    from research.reproduce import reproduce as run

    names = find_reproductions([name for text in what for name in names_of(text)])
    configs = make_configs(names, given, quick=quick)
    keep_freed_memory()
    with LiveLine() as progress:
        files = run(configs, progress)
    for path in files:
        if path.name in {f"{name}.md" for name in names}:
            typer.echo(path.read_text(encoding="utf-8"))
    typer.echo("\n".join(str(path) for path in files))
    exit_if_failed(progress)


@app.command()
def figures(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS.json...",
            help="Of `impasto evaluate`, `reproduce` or benchmarks/inference.py.",
        ),
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
    """Draw the figures and write the tables of results that were measured before.

    From the results and the pictures kept beside them alone: no network runs.
    """

    from research.figures import draw_figures, join_records

    if join:
        if output is None:
            raise OptionError("--join: give the folder of the joined file, --output FOLDER")
        results = [join_records(results, output)]
        typer.echo(str(results[0]))
    for path in results:
        for drawn in draw_figures(path, path.parent if output is None else output):
            typer.echo(str(drawn))


if __name__ == "__main__":
    app(prog_name="python -m research")
