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
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped.
    """
    from impasto.cli.jobs import Job, plan, style_label
    from impasto.cli.painting import Outcome, paint_all, unfinished
    from impasto.inference import choose_device, stylize_file
    from impasto.media import DEFAULT_MAX_PIXELS
    from impasto.models import load_style_model

    place = choose_device(device.value)
    models = {name: load_style_model(name).to(place) for name in style}
    labels = {name: style_label(model.name) for name, model in models.items()}
    outcome = Outcome()
    jobs = plan(inputs, labels, output=output, format=format, failures=outcome.failures)
    jobs = unfinished(jobs, overwrite=overwrite, outcome=outcome)

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

    paint_all(jobs, paint, outcome, debug=bool(ctx.find_root().params.get("debug")))
