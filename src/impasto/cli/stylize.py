"""`impasto stylize`: models, then jobs, then the painting, then a summary."""

import typer

from impasto.cli import options


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
    backend: options.Backend = options.BackendName.auto,
    precision: options.PrecisionChoice = options.PrecisionName.auto,
    verbose: options.Verbose = False,
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped.
    """
    from impasto.cli.batch import run_pictures
    from impasto.cli.jobs import Job, file_label
    from impasto.cli.wording import PAINTING
    from impasto.inference import Engine, stylize_file
    from impasto.media import DEFAULT_MAX_PIXELS
    from impasto.models import load_style_model

    def tell(notice: str) -> None:
        if verbose:
            typer.echo(notice, err=True)

    engines = {
        name: Engine(
            load_style_model(name),
            device=device.value,
            backend=backend.value,
            precision=precision.value,
            on_notice=tell,
        )
        for name in style
    }
    for engine in engines.values():
        tell(f"{engine.model.name}: {engine.backend}, {engine.precision}, on {engine.device}")

    def paint(job: Job) -> None:
        stylize_file(
            job.source,
            job.target,
            engines[job.model],
            size=size,
            strength=strength,
            keep_colors=keep_colors,
            keep_metadata=keep_metadata,
            quality=quality,
            max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        )

    run_pictures(
        inputs,
        {name: file_label(engine.model.name) for name, engine in engines.items()},
        paint,
        PAINTING,
        output=output,
        format=format,
        overwrite=overwrite,
        debug=bool(ctx.find_root().params.get("debug")),
    )
