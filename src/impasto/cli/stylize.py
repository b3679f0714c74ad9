"""`impasto stylize`: models, then jobs, then the painting, then a summary."""

import sys
from collections.abc import Callable, Sequence

import typer

from impasto.cli import options
from impasto.cli.jobs import Job, choose_output, plan_jobs
from impasto.cli.painting import Outcome, progress_bar, run_jobs, summary, unfinished
from impasto.cli.root import EXIT_FAILED
from impasto.cli.sources import Failure, find_sources, is_one_file
from impasto.errors import OptionError


def stylize(
    ctx: typer.Context,
    inputs: options.Inputs,
    style: options.Styles,
    output: options.OutputPath = None,
    size: options.Size = None,
    device: options.Device = options.DeviceName.auto,
    strength: options.Strength = 1.0,
    keep_colors: options.KeepColors = False,
    overwrite: options.Overwrite = False,
    keep_metadata: options.KeepMetadata = True,
    format: options.Format = None,
    quality: options.Quality = 95,
    max_pixels: options.MaxPixels = None,
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped.
    """
    from impasto.inference import stylize_file
    from impasto.media import DEFAULT_MAX_PIXELS
    from impasto.models import load_style_model

    models = {name: load_style_model(name) for name in style}
    outcome = Outcome()
    jobs = _plan(inputs, style, output, format, outcome)

    def paint(job: Job) -> None:
        stylize_file(
            job.source,
            job.target,
            models[job.style],
            size=size,
            strength=strength,
            keep_colors=keep_colors,
            keep_metadata=keep_metadata,
            device=device.value,
            quality=quality,
            max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        )

    jobs = unfinished(jobs, overwrite=overwrite, outcome=outcome)
    _run(jobs, paint, outcome, debug=bool(ctx.find_root().params.get("debug")))


def _plan(
    inputs: Sequence[str],
    styles: Sequence[str],
    output: str | None,
    format: str | None,
    outcome: Outcome,
) -> list[Job]:
    """All jobs, finished ones too; inputs that name no picture are failures in `outcome`."""
    from impasto.media import WRITABLE_SUFFIXES

    suffix = None if format is None else f".{format.lower().removeprefix('.')}"
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        known = ", ".join(sorted(name[1:] for name in WRITABLE_SUFFIXES))
        raise OptionError(f"--format {format}: cannot be written; use one of {known}")
    one_file = is_one_file(inputs)
    place = choose_output(output, one_file=one_file, styles=styles, suffixes=WRITABLE_SUFFIXES)
    if suffix is not None and place.file is not None and place.file.suffix.lower() != suffix:
        raise OptionError(
            f"--format {format} and --output {place.file} name two formats; leave one of them out"
        )
    sources = find_sources(inputs, output_folder=place.folder)
    outcome.failures.extend(sources.failures)
    return plan_jobs(sources.found, styles, place, suffix=suffix, suffixes=WRITABLE_SUFFIXES)


def _run(
    jobs: Sequence[Job], paint: Callable[[Job], None], outcome: Outcome, *, debug: bool
) -> None:
    """Do the jobs and tell how it went, after Ctrl-C too. Raises typer.Exit(1) on failures."""

    def report(failure: Failure) -> None:
        if len(jobs) > 1:  # a single one is told below
            print(f"failed: {failure}", file=sys.stderr)

    try:
        with progress_bar(len(jobs)) as advance:
            run_jobs(jobs, paint, outcome=outcome, debug=debug, advance=advance, report=report)
    finally:
        typer.echo(summary(outcome))
        for failure in outcome.failures:
            print(f"impasto: {failure}", file=sys.stderr)
    if outcome.failures:
        raise typer.Exit(EXIT_FAILED)
