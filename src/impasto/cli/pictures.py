"""`impasto stylize`, `upscale` and `restore`: many pictures, a live line, a summary at the end."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.flags import named_for, with_flags
from impasto.cli.progress import LiveLine
from impasto.cli.root import EXIT_FAILED
from impasto.errors import ImpastoError
from impasto.events import CancelToken, Event, Failed, Notice, OnEvent, Progress, Skipped
from impasto.jobs import (
    OutputOptions,
    Report,
    restore_pictures,
    shown,
    stylize_pictures,
    upscale_pictures,
)
from impasto.options import Options, declared
from impasto.painting.options import (
    LOOK,
    SPEED,
    Enlargement,
    RestoreFileOptions,
    StylizeFileOptions,
    UpscaleFileOptions,
)


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One verb in three forms."""

    verb: str
    doing: str
    done: str


PAINTING = Wording(verb="paint", doing="painting", done="painted")
UPSCALING = Wording(verb="upscale", doing="upscaling", done="upscaled")
RESTORING = Wording(verb="restore", doing="restoring", done="restored")


def _complete_style(incomplete: str) -> list[str]:
    from impasto.models.gallery import list_styles

    return [entry.name for entry in list_styles() if entry.name.startswith(incomplete)]


def _complete_upscaler(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "superres")


def _complete_restorer(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "restore")


def _complete_model(incomplete: str, task: str) -> list[str]:
    from impasto.models.upscalers import list_upscalers

    names = [entry.name for entry in list_upscalers() if entry.task == task]
    return [name for name in names if name.startswith(incomplete)]


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Photos, folders (with subfolders), or patterns in quotes, as 'photos/*.jpg'.",
    ),
]
Styles = Annotated[
    list[str],
    typer.Option(
        "--style",
        "-s",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_style,
        rich_help_panel=LOOK,
        help="Bundled style (`impasto styles` lists them) or model file; repeat it for several.",
    ),
]
Restorer = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_restorer,
        rich_help_panel=LOOK,
        help="Bundled model (`impasto upscalers` lists them) or a file of `impasto train restore`.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", rich_help_panel=SPEED, help="Tell what runs the network."),
]


@with_flags(OutputOptions, StylizeFileOptions)
def stylize(
    ctx: typer.Context,
    inputs: Inputs,
    style: Styles,
    given: dict[str, Any],
    verbose: Verbose = False,
) -> None:
    """Paint photos in the style of a painting.

    Results are named PHOTO-STYLE.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are painted, by way of files where need be; then it goes on within a photo, too.
    """
    outputs = _taken(OutputOptions, given)

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = StylizeFileOptions(**given, on_event=on_event, cancel=cancel)
        stylize_pictures(inputs, style, how, outputs, report=report)

    run_batch(ctx, PAINTING, work, notices=verbose)


@with_flags(
    OutputOptions,
    Enlargement,
    UpscaleFileOptions,
    complete={"model": _complete_upscaler},
)
def upscale(
    ctx: typer.Context,
    inputs: Inputs,
    given: dict[str, Any],
) -> None:
    """Enlarge photos with a super-resolution network.

    Results are named PHOTO-x4.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    outputs = _taken(OutputOptions, given)
    enlargement = _taken(Enlargement, given)

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = UpscaleFileOptions(**given, on_event=on_event, cancel=cancel)
        upscale_pictures(inputs, enlargement, how, outputs, report=report)

    run_batch(ctx, UPSCALING, work)


@with_flags(OutputOptions, RestoreFileOptions)
def restore(
    ctx: typer.Context,
    inputs: Inputs,
    model: Restorer,
    given: dict[str, Any],
) -> None:
    """Take away noise, blocks or blur, add colour, or fill holes, as the model was trained to.

    Results are named PHOTO-MODEL.jpg and keep the structure of folders. What is already there is
    skipped, so the same command goes on where it was stopped. With --max-memory photos of any size
    are done, by way of files where need be; then it goes on within a photo, too.
    """
    outputs = _taken(OutputOptions, given)

    def work(report: Report, on_event: OnEvent, cancel: CancelToken) -> None:
        how = RestoreFileOptions(**given, on_event=on_event, cancel=cancel)
        restore_pictures(inputs, model, how, outputs, report=report)

    run_batch(ctx, RESTORING, work)


def run_batch(
    ctx: Any,
    wording: Wording,
    work: Callable[[Report, OnEvent, CancelToken], object],
    *,
    notices: bool = True,
) -> None:
    """Let `work` fill a report, show its events, and tell how it went, after Ctrl-C too.

    Ctrl-C ends it where nothing is lost, a second one at once. Raises typer.Exit on failures,
    KeyboardInterrupt after Ctrl-C. notices: show them.
    """
    report, cancel = Report(), CancelToken()
    show = _Show(ctx, wording, notices=notices)
    try:
        with show.line, cancel.held_back(show.line.stopping):
            work(report, show, cancel)
    except KeyboardInterrupt:
        show.summary(report)
        raise
    show.summary(report)
    if report.cancelled is not None:
        raise report.cancelled
    if report.failures:
        raise typer.Exit(EXIT_FAILED)


class _Show:
    """What the commands do with the events of a batch, and with its report."""

    def __init__(self, ctx: Any, wording: Wording, *, notices: bool) -> None:
        self.ctx, self.wording, self.notices = ctx, wording, notices
        self.debug = bool(ctx.find_root().params.get("debug"))
        self.line = LiveLine(wording.doing, every_s=None, command=ctx.command)
        self._count = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.task == "pictures":
            self._count = event.total or 0
        if isinstance(event, Failed):
            if self.debug and event.error is not None:
                traceback.print_exception(event.error)
            if self._count > 1:  # a single one is told at the end
                self.line.say(f"failed: {self._told(event)}")
        elif not isinstance(event, Skipped if self.notices else Skipped | Notice):
            self.line(event)  # what is skipped is counted by the summary

    def summary(self, report: Report) -> None:
        typer.echo(summary(report, self.wording))
        for failure in report.failures:
            print(f"impasto: {self._told(failure)}", file=sys.stderr)

    def _told(self, failure: Failed) -> str:
        ours = failure.error is None or isinstance(
            failure.error, ImpastoError | MemoryError | OSError
        )
        text = named_for(self.ctx.command, str(failure))
        return text if ours else f"{text} (--debug shows where)"


def _taken(record: type[Options], given: dict[str, Any]) -> Any:
    """The record, of what was given for it, which is removed from `given`."""
    names = [each.name for each, _, _ in declared(record)]
    return record(**{name: given.pop(name) for name in names if name in given})


def summary(report: Report, wording: Wording) -> str:
    """One line for people: what was done and where, what was there already, what failed."""
    count = len(report.done)
    parts = [f"{wording.done} {count} picture{'s' * (count != 1)}{_where(report.done)}"]
    if report.skipped:
        there = f"{len(report.skipped)} already there"
        if len(report.skipped) == 1:
            there = f"{shown(report.skipped[0])} is already there"
        parts.append(f"{there} (--overwrite {wording.verb}s again)")
    if report.failures:
        parts.append(f"{len(report.failures)} failed")
    return ", ".join(parts)


def _where(paths: Sequence[Path]) -> str:
    if not paths:
        return ""
    if len(paths) == 1:
        return f": {shown(paths[0])}"
    return f" in {shown(os.path.commonpath([path.parent for path in paths]) or '.')}{os.sep}"
