"""`impasto bench`: measure this machine, print a table, say what to use."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.options import Device, DeviceName

if TYPE_CHECKING:
    from impasto.evaluation.bench import Bench, BenchRow


def bench(
    style: Annotated[
        str, typer.Option("--style", "-s", metavar="NAME_OR_FILE", help="Whose network to time.")
    ] = "starry-night",
    sizes: Annotated[
        str, typer.Option(metavar="PX,PX...", help="Sides of the pictures.")
    ] = "256,512,1024",
    seconds: Annotated[float, typer.Option(min=1.0, help="About how long, in all.")] = 60.0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the processor; without it, all.")
    ] = None,
    device: Device = DeviceName.auto,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything there, too.")
    ] = None,
) -> None:
    """Find the fastest settings for this machine, in about a minute."""
    import torch

    from impasto.evaluation.bench import BenchConfig, run_bench
    from impasto.files.atomic import write_text
    from impasto.jobs import check_file
    from impasto.models.cards import path_of
    from impasto.models.gallery import find_style

    if json_file is not None:
        check_file(json_file, "json_file", overwrite=True)
    if threads is not None:
        torch.set_num_threads(threads)
    qualities = ("full",) if path_of(style) is not None else find_style(style).qualities
    config = BenchConfig(
        style=style,
        qualities=qualities,
        sizes=_sizes(sizes),
        seconds=seconds,
        device=device.value,
    )
    result = run_bench(config, on_row=_told)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    _print(result)
    if json_file is not None:
        write_text(json_file, json.dumps(result.to_json(), indent=2) + "\n")


def _sizes(text: str) -> tuple[int, ...]:
    from impasto.errors import OptionError

    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise OptionError(f"--sizes {text!r}: wanted numbers, as 256,512,1024") from error


def _told(row: "BenchRow") -> None:
    """One line on a terminal while it goes on; nothing into files."""
    if sys.stderr.isatty():
        name = f"{row.quality} network, {row.backend}, {row.precision}, {row.size_px} px"
        print(f"\r\033[K{name}: {row.seconds * 1e3:.0f} ms", end="", file=sys.stderr, flush=True)


def _print(result: "Bench") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    plain: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
    environment, sizes = result.environment, result.config.sizes
    threads = f"{environment['threads']} thread{'s' * (environment['threads'] != 1)}"
    for quality in result.config.qualities:
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
