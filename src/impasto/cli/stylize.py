"""`impasto stylize`."""

from typing import Any

import typer

from impasto.cli import options
from impasto.cli.flags import with_flags
from impasto.jobs.naming import OutputOptions
from impasto.painting.options import StylizeFileOptions


@with_flags(OutputOptions, StylizeFileOptions)
def stylize(
    ctx: typer.Context,
    inputs: options.Inputs,
    style: options.Styles,
    given: dict[str, Any],
    verbose: options.Verbose = False,
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are painted, by way of files where need be; then it goes on within a photo, too.
    """
    from impasto.cli.batch import PAINTING, run_batch
    from impasto.events import CancelToken, OnEvent
    from impasto.jobs import Report, stylize_pictures

    outputs = options.taken(OutputOptions, given)

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = StylizeFileOptions(**given, on_event=on_event, cancel=cancel)
        stylize_pictures(inputs, style, how, outputs, report=report)

    run_batch(ctx, PAINTING, work, notices=verbose)
