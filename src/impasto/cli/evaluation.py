"""`impasto evaluate` and `impasto bench`: a results file and a table; what is fastest here."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.progress import LiveLine
from impasto.cli.root import EXIT_FAILED, App
from impasto.evaluation.configs import BenchConfig, StyleEvaluation, SuperResEvaluation

if TYPE_CHECKING:
    from impasto.evaluation.bench import Bench

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


def exit_if_failed(progress: LiveLine) -> None:
    """End with the exit code of failures if there were any."""
    if progress.failures:
        count = len(progress.failures)
        print(f"impasto: {count} failed; the table lists them", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)


@with_flags(BenchConfig)
def bench(
    given: dict[str, Any],
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the processor; without it, all.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything there, too.")
    ] = None,
) -> None:
    """Find the fastest settings for this machine, in about a minute."""
    import torch

    from impasto.evaluation.bench import run_bench
    from impasto.files.atomic import write_text
    from impasto.jobs import check_file

    if json_file is not None:
        check_file(json_file, "json_file", overwrite=True)
    if threads is not None:
        torch.set_num_threads(threads)
    with LiveLine(every_s=None) as progress:
        result = run_bench(BenchConfig(**given), progress)
    _print(result)
    if json_file is not None:
        write_text(json_file, json.dumps(result.to_json(), indent=2) + "\n")


def _print(result: "Bench") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    plain: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
    environment, sizes = result.environment, result.config.sizes
    threads = f"{environment['threads']} thread{'s' * (environment['threads'] != 1)}"
    for quality in result.qualities:
        title = f"{result.config.style}, {quality} network, {environment['processor']}, {threads}"
        table = Table(title=title, title_justify="left", title_style="bold")
        table.add_column("back end")
        table.add_column("precision")
        for size in sizes:
            table.add_column(f"{size} px", justify="right")
        table.add_column("to float32", justify="right")
        for cells in _table_rows(result, quality):
            table.add_row(*cells)
        console.print(table)
    for name, reason in result.left_out.items():
        console.print(f"left out: {name} ({reason})", **plain)
    for line in result.advice():
        console.print(line, **plain)


def _table_rows(result: "Bench", quality: str) -> list[list[str]]:
    """One for each back end and precision, the fastest of each size marked with a star."""
    rows: dict[tuple[str, str], list[str]] = {}
    least: dict[tuple[str, str], float] = {}
    for row in result.rows:
        if row.quality != quality:
            continue
        key = (row.backend, row.precision)
        star = " *" if result.fastest(quality, row.size_px) is row else "  "
        rows.setdefault(key, []).append(f"{row.seconds * 1e3:.1f} ms{star}")
        least[key] = min(least.get(key, row.psnr_db), row.psnr_db)
    return [[*key, *cells, f"{least[key]:.0f} dB"] for key, cells in rows.items()]
