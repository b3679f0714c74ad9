"""`impasto evaluate`: models on test sets or photos, one results file, a table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.root import EXIT_FAILED, App
from impasto.evaluation.configs import StyleEvaluation, SuperResEvaluation

if TYPE_CHECKING:
    from impasto.cli.progress import LiveLine

evaluate_app = App(help="Measure models: super-resolution by a named protocol, styles.")


@evaluate_app.callback()
def _evaluate() -> None:
    """Measure models. Run the same command again to go on where it stopped."""


@evaluate_app.command("superres")
@with_flags(SuperResEvaluation, group="Measurement")
def evaluate_superres_command(given: dict[str, Any]) -> None:
    """PSNR, SSIM, perceptual distance and time of super-resolution models.

    Results go into a JSON file, its table beside it as Markdown and here. What the file has
    already, of the same images and weights, is kept.
    """
    from impasto.cli.progress import LiveLine
    from impasto.evaluation import evaluate_superres, results_table

    config = SuperResEvaluation(**given)
    with LiveLine() as progress:
        results = evaluate_superres(config, progress)
    _tell(results_table(results), config.output)
    exit_if_failed(progress)


@evaluate_app.command("style")
@with_flags(StyleEvaluation, group="Measurement")
def evaluate_style_command(given: dict[str, Any]) -> None:
    """Style and content distance of styles, by a loss network that they were not trained with.

    Beside them the untouched photo and the painting itself, and whether the nearest painting is
    the style's own.
    """
    from impasto.cli.progress import LiveLine
    from impasto.evaluation import evaluate_style
    from impasto.evaluation.style_results import style_markdown

    config = StyleEvaluation(**given)
    with LiveLine() as progress:
        record = evaluate_style(config, progress)
    _tell(style_markdown(record), config.output)


def _tell(table: str, output: Path) -> None:
    """The table here and beside the results."""
    from impasto.files.atomic import write_text

    write_text(output.with_suffix(".md"), table)
    typer.echo(table)
    typer.echo(f"results: {output}")


def exit_if_failed(progress: "LiveLine") -> None:
    """End with the exit code of failures if there were any."""
    if progress.failures:
        count = len(progress.failures)
        print(f"impasto: {count} failed; the table lists them", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)
