"""`impasto optimize`, `invert` and `texture`: one picture made by optimising its pixels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from impasto.cli.flags import with_flags
from impasto.cli.progress import LiveLine
from impasto.cli.root import EXIT_INTERRUPTED
from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.jobs import shown
from impasto.optimization.config import (
    IN_OUT,
    LOOK,
    InversionConfig,
    OptimizationConfig,
    TextureConfig,
)
from impasto.optimization.outputs import (
    InversionFiles,
    OptimizationFiles,
    OutputFiles,
    TextureFiles,
    preview_beside,
)
from impasto.options import declared

Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="OUT", help="The picture file to write.", rich_help_panel=IN_OUT
    ),
]


Files = TypeVar("Files", bound=OutputFiles)


@with_flags(OptimizationConfig, OptimizationFiles)
def optimize(
    style: Annotated[
        list[str],
        typer.Option(
            "--style",
            "-s",
            metavar="PAINTING",
            help="A painting; repeat it to mix.",
            rich_help_panel=IN_OUT,
        ),
    ],
    output: Output,
    given: dict[str, Any],
    photo: Annotated[
        str | None, typer.Argument(metavar="PHOTO", help="The photo to be painted.")
    ] = None,
    content: Annotated[str | None, typer.Option(hidden=True)] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="content|noise|PICTURE",
            help="What to start from. [content; noise for paper and gatys]",
            rich_help_panel=LOOK,
        ),
    ] = None,
) -> None:
    """Paint one photo as well as it can be, by optimising its pixels. Takes minutes.

    Ctrl-C keeps what is there: it is written to OUT.
    """
    from impasto.machine.memory import keep_freed_memory
    from impasto.optimization.optimize import optimize_file

    if (photo is None) == (content is None):
        raise OptionError("give one photo: impasto optimize PHOTO --style PAINTING -o OUT")
    files = files_of(
        OptimizationFiles,
        given,
        output,
        content=user_path(photo or content or ""),
        styles=tuple(map(user_path, style)),
        init=init,
    )
    config = OptimizationConfig(**given)
    if config.max_memory is None:  # it is quicker, and takes a little more memory
        keep_freed_memory()
    with LiveLine() as on_event:
        result = optimize_file(config, files, on_event)
    target = shown(files.target)
    if result.interrupted:
        done = f"{len(result.history)} of {result.iterations} iterations"
        typer.echo(f"interrupted after {done}; the best so far is in {target}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"painted {target}  (objective {result.total:.4g}, {result.loss_network})")


@with_flags(InversionConfig, InversionFiles)
def invert(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="The photo to look at.")],
    output: Output,
    given: dict[str, Any],
) -> None:
    """Show what a layer of the loss network sees: the picture that it cannot tell from PHOTO.

    Of several layers each goes to OUT-LAYER beside OUT, which becomes a sheet of them all. Ctrl-C
    keeps what is there.
    """
    from impasto.machine.memory import keep_freed_memory
    from impasto.optimization.inversion import invert_file

    files = files_of(InversionFiles, given, output, photo=user_path(photo))
    config = InversionConfig(**given)
    if config.max_memory is None:  # it is quicker, and takes a little more memory
        keep_freed_memory()
    with LiveLine() as on_event:
        done = invert_file(config, files, on_event)
    for found in done.found:
        typer.echo(f"{found.layer}: {found.psnr:.2f} dB, feature error {found.error:.2g}")
    finish(done.files, interrupted=done.interrupted, loss_network=done.loss_network)


@with_flags(TextureConfig, TextureFiles)
def texture(
    painting: Annotated[str, typer.Argument(metavar="PAINTING", help="The painting to imitate.")],
    output: Output,
    given: dict[str, Any],
) -> None:
    """Make a texture of any size with the style of PAINTING. Ctrl-C keeps what is there."""
    from impasto.machine.memory import keep_freed_memory
    from impasto.optimization.texture import texture_file

    files = files_of(TextureFiles, given, output, painting=user_path(painting))
    config = TextureConfig(**given)
    if config.max_memory is None:  # it is quicker, and takes a little more memory
        keep_freed_memory()
    with LiveLine() as on_event:
        made = texture_file(config, files, on_event)
    finish([files.target], interrupted=made.interrupted, loss_network=made.loss_network)


def files_of(record: type[Files], given: dict[str, Any], output: str, **inputs: Any) -> Files:
    """Takes what is given of the record's options; without --preview one beside the output.

    Raises OptionError for an output that is no file's name.
    """
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

    names = ", ".join(shown(path) for path in files)
    if interrupted:
        typer.echo(f"interrupted; the best so far is in {names}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"wrote {names}  ({loss_network})")
