"""`impasto upscale` and `impasto restore`."""

from typing import Any

import typer

from impasto.cli import options
from impasto.cli.flags import with_flags
from impasto.jobs.naming import OutputOptions
from impasto.painting.options import Enlargement, RestoreFileOptions, UpscaleFileOptions


@with_flags(OutputOptions, Enlargement, UpscaleFileOptions)
def upscale(
    ctx: typer.Context,
    inputs: options.Inputs,
    given: dict[str, Any],
    model: options.Upscaler = None,
) -> None:
    """Enlarge photos with a super-resolution network.

    Results are named PHOTO-x4.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    from impasto.cli.batch import UPSCALING, run_batch
    from impasto.events import CancelToken, OnEvent
    from impasto.jobs import Report, upscale_pictures

    outputs = options.taken(OutputOptions, given)
    enlargement = Enlargement(model=model, factor=given.pop("factor", None))

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = UpscaleFileOptions(**given, on_event=on_event, cancel=cancel)
        upscale_pictures(inputs, enlargement, how, outputs, report=report)

    run_batch(ctx, UPSCALING, work)


@with_flags(OutputOptions, RestoreFileOptions)
def restore(
    ctx: typer.Context,
    inputs: options.Inputs,
    model: options.Restorer,
    given: dict[str, Any],
) -> None:
    """Take away noise, blocks or blur, add colour, or fill holes, as the model was trained to.

    Results are named PHOTO-MODEL.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    from impasto.cli.batch import RESTORING, run_batch
    from impasto.events import CancelToken, OnEvent
    from impasto.jobs import Report, restore_pictures

    outputs = options.taken(OutputOptions, given)

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = RestoreFileOptions(**given, on_event=on_event, cancel=cancel)
        restore_pictures(inputs, model, how, outputs, report=report)

    run_batch(ctx, RESTORING, work)
