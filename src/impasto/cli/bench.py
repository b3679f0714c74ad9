"""`impasto bench`: measure this machine, print a table, say what to use."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.evaluation.configs import BenchConfig

if TYPE_CHECKING:
    from impasto.evaluation.bench import Bench


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

    from impasto.cli.progress import LiveLine
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
