"""What `impasto optimize`, `invert` and `texture` share: files, the live line, the last one."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.optimization.config import IN_OUT

if TYPE_CHECKING:
    from impasto.events import OnEvent, Step
    from impasto.optimization.outputs import OutputFiles

Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="OUT", help="The picture file to write.", rich_help_panel=IN_OUT
    ),
]


Files = TypeVar("Files", bound="OutputFiles")


def files_of(record: type[Files], given: dict[str, Any], output: str, **inputs: Any) -> Files:
    """Takes what is given of the record's options; without --preview one beside the output.

    Raises OptionError for an output that is no file's name.
    """
    from impasto.optimization.outputs import preview_beside
    from impasto.options import declared

    target = user_path(output)
    if not target.name:
        raise OptionError(f"`output` {output!r}: wanted the name of a picture file")
    names = {each.name for each, _, _ in declared(record)}
    taken = {name: given.pop(name) for name in names & set(given)}
    preview = taken.pop("preview", None)
    if preview is None:
        taken["preview"] = preview_beside(target)
    elif str(preview) != "none":
        taken |= {"preview": user_path(preview), "keep_preview": True}
    return record(target=target, **taken, **inputs)


@contextmanager
def watched(*, whole_memory: bool = True) -> "Iterator[OnEvent]":
    """The live line of an optimisation: one line, and what matters above it.

    whole_memory: no limit was given, so freed memory may be kept for the next iteration: it is
    quicker, and takes a little more.
    """
    from impasto.cli.live_line import LiveLine
    from impasto.events import Event, Notice, Progress, Step
    from impasto.machine.freed_memory import keep_freed_memory

    if whole_memory:
        keep_freed_memory()
    with LiveLine.running() as line:

        def on_event(event: Event) -> None:
            match event:
                case Step():
                    line.update(event.iteration, event.iterations, describe_step(event))
                case Progress():
                    text = f"downloading {event.note}: {event.done / 1e6:.0f} MB"
                    total = None if event.total is None else int(event.total)
                    line.update(int(event.done), total, text)
                case Notice():
                    line.say(f"note: {event.message}")

        yield on_event


def finish(files: Iterable[Path], *, interrupted: bool, loss_network: str) -> None:
    """Say what was written; raises typer.Exit if the work was ended early."""
    from impasto.cli.root import EXIT_INTERRUPTED
    from impasto.jobs.finding import shown

    names = ", ".join(shown(path) for path in files)
    if interrupted:
        typer.echo(f"interrupted; the best so far is in {names}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"wrote {names}  ({loss_network})")


def describe_step(step: "Step") -> str:
    """Stage, size, total and each term that is not 0; the terms of single layers in brackets.

    `style relu1_2` is the layer's part of `style`.
    """
    assert step.image is not None
    height, width = step.image.shape[-2:]
    stage = f"stage {step.stage}/{step.stages}  " if step.stages > 1 else ""
    whole = {name: value for name, value in step.terms.items() if " " not in name and value}
    parts = {name: value for name, value in step.terms.items() if " " in name}
    terms = "  ".join(f"{name} {_short(value)}" for name, value in whole.items())
    layers = " ".join(f"{name.split(' ', 1)[1]} {_short(value)}" for name, value in parts.items())
    speed = f"{step.images_per_second:.2f} it/s"
    shown = f"{stage}{width}x{height}  total {_short(step.loss)}  {terms}"
    return f"{shown}  [{layers}]  {speed}" if layers else f"{shown}  {speed}"


def _short(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
