"""Paint, enlarge or restore many pictures. What runs the networks is loaded at the first call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.events import Event, Notice
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
    from impasto.painting.painter import Painter

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
    from impasto.painting.stylize import style_painter

    options = options or StylizeFileOptions()
    painters = {name: style_painter(name, options) for name in styles}
    for painter in painters.values():
        options.on_event(Notice(message=str(painter)))
    labels = {name: file_label(painter.name) for name, painter in painters.items()}
    return _run(inputs, painters, labels, options, outputs, PAINTED, report)


def upscale_pictures(
    inputs: Sequence[str],
    enlargement: Enlargement | None = None,
    options: UpscaleFileOptions | None = None,
    outputs: OutputOptions | None = None,
    *,
    report: Report | None = None,
) -> Report:
    """Enlarge every picture: PHOTO-x4.jpg. The rest as in `stylize_pictures`."""
    from impasto.painting.upscale import upscale_painter

    options, enlargement = options or UpscaleFileOptions(), enlargement or Enlargement()
    painter = upscale_painter(enlargement.factor, enlargement.model, options)
    label = f"x{painter.factor}"
    return _run(inputs, {label: painter}, {label: label}, options, outputs, UPSCALED, report)


def restore_pictures(
    inputs: Sequence[str],
    model: str,
    options: RestoreFileOptions | None = None,
    outputs: OutputOptions | None = None,
    *,
    report: Report | None = None,
) -> Report:
    """Restore every picture: PHOTO-MODEL.jpg. The rest as in `stylize_pictures`."""
    from impasto.painting.upscale import restore_painter

    options = options or RestoreFileOptions()
    painter = restore_painter(model, options)
    label = {model: file_label(painter.name)}
    return _run(inputs, {model: painter}, label, options, outputs, RESTORED, report)


def _run(
    inputs: Sequence[str],
    painters: "Mapping[str, Painter]",
    labels: Mapping[str, str],
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

        painter = painters[job.model]
        painter.paint_file(job.source, job.target, on_event=tell, cancel=watching.cancel)

    return run_jobs(
        jobs,
        one,
        overwrite=outputs.overwrite,
        report=report,
        on_event=watching.on_event,
        cancel=watching.cancel,
    )
