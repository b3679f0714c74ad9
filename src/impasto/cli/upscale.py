"""`impasto upscale` and `impasto restore`: models, then jobs, then the work, then a summary."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from impasto.cli import options

if TYPE_CHECKING:
    from impasto.cli.batch import Wording
    from impasto.models import SuperResModel


def upscale(
    ctx: typer.Context,
    inputs: options.Inputs,
    factor: options.EnlargementFactor = None,
    model: options.UpscalerName = None,
    output: options.OutputPath = None,
    size: options.EnlargedSize = None,
    device: options.Device = options.DeviceName.auto,
    strength: options.NetworkStrength = 1.0,
    color_match: options.ColorMatch = options.ColorMatchName.auto,
    tile: options.Tile = None,
    overwrite: options.Overwrite = False,
    keep_metadata: options.KeepMetadata = True,
    format: options.Format = None,
    quality: options.Quality = 95,
    max_pixels: options.MaxPixels = None,
    max_memory: options.MaxMemory = None,
    scratch: options.Scratch = None,
) -> None:
    """Enlarge photos with a super-resolution network.

    Results are named PHOTO-x4.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    import math

    from impasto.cli.batch import UPSCALING
    from impasto.painting import models_for

    models = models_for(model, None if factor is None else int(factor.value))
    label = f"x{math.prod(each.factor for each in models)}"
    _run(
        ctx,
        inputs,
        models,
        label,
        UPSCALING,
        output=output,
        size=size,
        mask=None,
        device=device,
        strength=strength,
        color_match=color_match.value,
        tile=tile,
        overwrite=overwrite,
        keep_metadata=keep_metadata,
        format=format,
        quality=quality,
        max_pixels=max_pixels,
        max_memory=max_memory,
        scratch=scratch,
    )


def restore(
    ctx: typer.Context,
    inputs: options.Inputs,
    model: options.RestorerName,
    mask: options.Mask = None,
    output: options.OutputPath = None,
    device: options.Device = options.DeviceName.auto,
    strength: options.NetworkStrength = 1.0,
    tile: options.Tile = None,
    overwrite: options.Overwrite = False,
    keep_metadata: options.KeepMetadata = True,
    format: options.Format = None,
    quality: options.Quality = 95,
    max_pixels: options.MaxPixels = None,
    max_memory: options.MaxMemory = None,
    scratch: options.Scratch = None,
) -> None:
    """Take away noise, blocks or blur, add colour, or fill holes, as the model was trained to.

    Results are named PHOTO-MODEL.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    from impasto.cli.batch import RESTORING
    from impasto.jobs import file_label
    from impasto.painting import restorer_for

    restorer = restorer_for(model)
    _run(
        ctx,
        inputs,
        [restorer],
        file_label(restorer.name),
        RESTORING,
        output=output,
        size=None,
        mask=mask,
        device=device,
        strength=strength,
        color_match="none",
        tile=tile,
        overwrite=overwrite,
        keep_metadata=keep_metadata,
        format=format,
        quality=quality,
        max_pixels=max_pixels,
        max_memory=max_memory,
        scratch=scratch,
    )


def _run(
    ctx: typer.Context,
    inputs: Sequence[str],
    models: "Sequence[SuperResModel]",
    label: str,
    wording: "Wording",
    *,
    output: str | None,
    size: int | None,
    mask: str | None,
    device: options.DeviceName,
    strength: float,
    color_match: str,
    tile: int | None,
    overwrite: bool,
    keep_metadata: bool,
    format: str | None,
    quality: int,
    max_pixels: int | None,
    max_memory: str | None,
    scratch: str | None,
) -> None:
    import sys

    from impasto.cli.batch import run_batch
    from impasto.events import CancelToken, OnEvent, Progress
    from impasto.files.byte_sizes import parse_bytes
    from impasto.files.user_files import user_path
    from impasto.jobs import Job, OutputOptions, Report, plan, run_jobs, shown
    from impasto.painting import SuperResOptions, choose_device, upscale_file

    memory = None if max_memory is None else parse_bytes(max_memory, "--max-memory")
    place = choose_device(device.value)
    models = [model.to(place) for model in models]
    outputs = OutputOptions(output=output, format=format, overwrite=overwrite)

    def run(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        def work(job: Job) -> None:
            def warn(message: str) -> None:
                print(f"note: {shown(job.source)}: {message}", file=sys.stderr)

            upscale_file(
                job.source,
                job.target,
                models,
                SuperResOptions(
                    strength=strength,
                    color_match=color_match,
                    tile_px=tile,
                    on_warning=warn,
                    on_progress=lambda part: on_event(
                        Progress(task="picture", done=part, total=1.0)
                    ),
                ),
                size=size,
                mask=None if mask is None else user_path(mask),
                keep_metadata=keep_metadata,
                device=device.value,
                quality=quality,
                max_pixels=max_pixels,
                max_memory=memory,
                scratch=scratch,
                on_notice=warn,
            )

        jobs = plan(
            inputs,
            {label: label},
            outputs,
            default_folder=wording.folder,
            failures=report.failures,
        )
        run_jobs(jobs, work, overwrite=overwrite, report=report, on_event=on_event, cancel=cancel)

    run_batch(ctx, wording, run)
