"""What `impasto invert` and `impasto texture` share: flags, files, the last line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.root import EXIT_INTERRUPTED
from impasto.cli.train_flags import flag, given_options
from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.jobs import shown

Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="The picture file to write.")
]
LossNetwork = Annotated[str | None, flag("Name, file, or A+B; auto: the best that is here. [auto]")]
Preview = Annotated[
    str | None, flag("Keep a preview in this file; none: no preview. [OUT.preview.jpg]")
]


def given(ctx: typer.Context) -> dict[str, Any]:
    """The flags that were given, by name."""
    return given_options(ctx, {})


def paths_of(given: dict[str, Any], source: str) -> tuple[Path, Path]:
    """Takes the picture called `source` and the output. Raises OptionError for no file's name."""
    output = given.pop("output")
    target = user_path(output)
    if not target.name:
        raise OptionError(f"--output {output!r}: wanted the name of a picture file")
    return user_path(given.pop(source)), target


def file_options(given: dict[str, Any], target: Path) -> dict[str, Any]:
    """Takes what the file records call preview, keep_preview, quality and max_pixels."""
    from impasto.optimization.preview import preview_beside

    taken: dict[str, Any] = {
        name: given.pop(name) for name in ("quality", "max_pixels") if name in given
    }
    preview = given.pop("preview", None)
    if preview is None:
        taken["preview"] = preview_beside(target)
    elif preview != "none":
        taken |= {"preview": user_path(preview), "keep_preview": True}
    return taken


def finish(files: Iterable[Path], *, interrupted: bool, loss_network: str) -> None:
    """Say what was written; raises typer.Exit if Ctrl-C ended the work."""
    names = ", ".join(shown(path) for path in files)
    if interrupted:
        typer.echo(f"interrupted; the best so far is in {names}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"wrote {names}  ({loss_network})")
