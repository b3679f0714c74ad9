"""Paint, enlarge or restore many pictures. What runs the networks is loaded at the first call."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.events import Event, Notice, OnEvent, Progress
from impasto.files.user_files import user_path
from impasto.jobs.finding import shown
from impasto.jobs.naming import Job, OutputOptions, file_label, plan
from impasto.jobs.running import Report, run_jobs
from impasto.painting.options import (
    Enlargement,
    RestoreFileOptions,
    StylizeFileOptions,
    UpscaleFileOptions,
    Watching,
)

if TYPE_CHECKING:
    from impasto.models import SuperResModel

# Where several results go, if nothing else is said.
PAINTED, UPSCALED, RESTORED = Path("painted"), Path("upscaled"), Path("restored")


def stylize_pictures(
    inputs: Sequence[str],
    styles: Sequence[str],
    options: StylizeFileOptions | None = None,
    outputs: OutputOptions | None = None,
    *,
    report: Report | None = None,
) -> Report:
    """Paint every picture in every style, one style after the other: PHOTO-STYLE.jpg.

    inputs: files, folders with their subfolders, and globs. styles: bundled names, or model files.
    A Notice says what runs each style. Raises OptionError or ModelError before any work; what goes
    wrong with a single picture is in the report, see `run_jobs`.
    """
    from impasto.models.gallery import style_path
    from impasto.painting.painter import Painter

    options = options or StylizeFileOptions()
    tell = options.on_event
    painters = {
        name: Painter(
            str(style_path(name, options.network)),
            device=options.device,
            backend=options.backend,
            precision=options.precision,
            max_memory=options.max_memory_bytes,
            scratch=options.scratch,
            border=options.border,
            on_notice=lambda text: tell(Notice(message=text)),
        )
        for name in styles
    }
    told: set[str] = set()

    def paint(job: Job, on_event: OnEvent) -> None:
        painter = painters[job.model]
        if job.model not in told:
            told.add(job.model)
            tell(Notice(message=str(painter)))
        painter.paint_file(
            job.source,
            job.target,
            size=options.size,
            strength=options.strength,
            keep_colors=options.keep_colors,
            keep_metadata=options.keep_metadata,
            quality=options.quality,
            max_pixels=options.max_pixels,
            on_progress=lambda part: on_event(Progress(task="picture", done=part, total=1.0)),
        )

    labels = {name: file_label(painter.name) for name, painter in painters.items()}
    return _run(inputs, labels, paint, options, outputs, PAINTED, report)


def upscale_pictures(
    inputs: Sequence[str],
    enlargement: Enlargement | None = None,
    options: UpscaleFileOptions | None = None,
    outputs: OutputOptions | None = None,
    *,
    report: Report | None = None,
) -> Report:
    """Enlarge every picture: PHOTO-x4.jpg. The rest as in `stylize_pictures`."""
    from impasto.painting import models_for

    options, enlargement = options or UpscaleFileOptions(), enlargement or Enlargement()
    models = models_for(enlargement.model, enlargement.factor)
    label = f"x{math.prod(each.factor for each in models)}"
    work = _enhancing(models, options, color_match=options.color_match, size=options.size)
    return _run(inputs, {label: label}, work, options, outputs, UPSCALED, report)


def restore_pictures(
    inputs: Sequence[str],
    model: str,
    options: RestoreFileOptions | None = None,
    outputs: OutputOptions | None = None,
    *,
    report: Report | None = None,
) -> Report:
    """Restore every picture: PHOTO-MODEL.jpg. The rest as in `stylize_pictures`."""
    from impasto.painting import restorer_for

    options = options or RestoreFileOptions()
    restorer = restorer_for(model)
    mask = None if options.mask is None else user_path(options.mask)
    work = _enhancing([restorer], options, color_match="none", mask=mask)
    label = file_label(restorer.name)
    return _run(inputs, {label: label}, work, options, outputs, RESTORED, report)


def _enhancing(
    models: "Sequence[SuperResModel]",
    options: UpscaleFileOptions | RestoreFileOptions,
    *,
    color_match: str,
    size: int | None = None,
    mask: Path | None = None,
) -> Callable[[Job, OnEvent], object]:
    from impasto.painting import SuperResOptions, choose_device, upscale_file

    place = choose_device(options.device)
    models = [model.to(place) for model in models]

    def work(job: Job, on_event: OnEvent) -> None:
        def warn(message: str) -> None:
            on_event(Notice(message=message))

        upscale_file(
            job.source,
            job.target,
            models,
            SuperResOptions(
                strength=options.strength,
                color_match=color_match,
                tile_px=options.tile_px,
                on_warning=warn,
                on_progress=lambda part: on_event(Progress(task="picture", done=part, total=1.0)),
            ),
            size=size,
            mask=mask,
            keep_metadata=options.keep_metadata,
            device=options.device,
            quality=options.quality,
            max_pixels=options.max_pixels,
            max_memory=options.max_memory_bytes,
            scratch=options.scratch,
            on_notice=warn,
        )

    return work


def _run(
    inputs: Sequence[str],
    labels: Mapping[str, str],
    work: Callable[[Job, OnEvent], object],
    watching: Watching,
    outputs: OutputOptions | None,
    folder: Path,
    report: Report | None,
) -> Report:
    """Plan the jobs and do them; notices name their picture."""
    outputs = outputs or OutputOptions()
    report = Report() if report is None else report
    jobs = plan(inputs, labels, outputs, default_folder=folder, failures=report.failures)

    def one(job: Job) -> None:
        def tell(event: Event) -> None:
            if isinstance(event, Notice):
                event = replace(event, message=f"{shown(job.source)}: {event.message}")
            watching.on_event(event)

        work(job, tell)

    return run_jobs(
        jobs,
        one,
        overwrite=outputs.overwrite,
        report=report,
        on_event=watching.on_event,
        cancel=watching.cancel,
    )
