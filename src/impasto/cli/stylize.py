"""`impasto stylize`: models, then jobs, then the painting, then a summary."""

import typer

from impasto.cli import options


def stylize(
    ctx: typer.Context,
    inputs: options.Inputs,
    style: options.Styles,
    network: options.Network = options.NetworkName.full,
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
    max_memory: options.MaxMemory = None,
    scratch: options.Scratch = None,
    border: options.Border = None,
    backend: options.Backend = options.BackendName.auto,
    precision: options.PrecisionChoice = options.PrecisionName.auto,
    verbose: options.Verbose = False,
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are painted, by way of files where need be; then it goes on within a photo, too.
    """
    from impasto.cli.batch import PAINTING, run_batch
    from impasto.events import CancelToken, OnEvent, Progress
    from impasto.files.byte_sizes import parse_bytes
    from impasto.jobs import Job, OutputOptions, Report, file_label, plan, run_jobs
    from impasto.models.gallery import style_path
    from impasto.painting.painter import Painter

    def tell(notice: str) -> None:
        if verbose:
            typer.echo(notice, err=True)

    memory = None if max_memory is None else parse_bytes(max_memory, "--max-memory")
    painters = {
        name: Painter(
            str(style_path(name, network.value)),
            device=device.value,
            backend=backend.value,
            precision=precision.value,
            max_memory=memory,
            scratch=scratch,
            border=border,
            on_notice=tell,
        )
        for name in style
    }
    if verbose:
        for painter in painters.values():
            tell(str(painter))
    outputs = OutputOptions(output=output, format=format, overwrite=overwrite)
    labels = {name: file_label(painter.name) for name, painter in painters.items()}

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        def paint(job: Job) -> None:
            painters[job.model].paint_file(
                job.source,
                job.target,
                size=size,
                strength=strength,
                keep_colors=keep_colors,
                keep_metadata=keep_metadata,
                quality=quality,
                max_pixels=max_pixels,
                on_progress=lambda part: on_event(Progress(task="picture", done=part, total=1.0)),
            )

        jobs = plan(
            inputs, labels, outputs, default_folder=PAINTING.folder, failures=report.failures
        )
        run_jobs(jobs, paint, overwrite=overwrite, report=report, on_event=on_event, cancel=cancel)

    run_batch(ctx, PAINTING, work)
