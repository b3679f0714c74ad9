"""What `impasto optimize`, `invert` and `texture` share: their files, and the last line."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.optimization.config import IN_OUT

if TYPE_CHECKING:
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


def finish(files: Iterable[Path], *, interrupted: bool, loss_network: str) -> None:
    """Say what was written; raises typer.Exit if the work was ended early."""
    from impasto.cli.root import EXIT_INTERRUPTED
    from impasto.jobs.finding import shown

    names = ", ".join(shown(path) for path in files)
    if interrupted:
        typer.echo(f"interrupted; the best so far is in {names}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"wrote {names}  ({loss_network})")
