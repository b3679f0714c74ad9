"""`impasto stylize`: models, then jobs, then the painting, then a summary."""

import typer

from impasto.cli import options


def stylize(
    ctx: typer.Context,
    inputs: options.Inputs,
    style: options.Styles,
    quality: options.NetworkQuality = options.QualityName.full,
    output: options.OutputPath = None,
    size: options.Size = None,
    device: options.Device = options.DeviceName.auto,
    strength: options.Strength = 1.0,
    keep_colors: options.KeepColors = False,
    overwrite: options.Overwrite = False,
    keep_metadata: options.KeepMetadata = True,
    format: options.Format = None,
    file_quality: options.FileQuality = 95,
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
    from impasto.cli.batch import run_pictures
    from impasto.cli.jobs import Job, file_label
    from impasto.cli.meter import Meter
    from impasto.cli.wording import PAINTING
    from impasto.files.byte_sizes import parse_bytes
    from impasto.models.gallery import style_path
    from impasto.painting.painter import Painter

    def tell(notice: str) -> None:
        if verbose:
            typer.echo(notice, err=True)

    memory = None if max_memory is None else parse_bytes(max_memory, "--max-memory")
    meter = Meter(PAINTING.doing)
    painters = {
        name: Painter(
            str(style_path(name, quality.value)),
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

    def paint(job: Job) -> None:
        painters[job.model].paint_file(
            job.source,
            job.target,
            size=size,
            strength=strength,
            keep_colors=keep_colors,
            keep_metadata=keep_metadata,
            quality=file_quality,
            max_pixels=max_pixels,
            on_progress=meter.share,
        )

    run_pictures(
        inputs,
        {name: file_label(painter.name) for name, painter in painters.items()},
        paint,
        PAINTING,
        output=output,
        format=format,
        overwrite=overwrite,
        meter=meter,
        debug=bool(ctx.find_root().params.get("debug")),
    )
