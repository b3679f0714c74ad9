"""`impasto optimize`: one photo, paintings, and the best single picture that they make."""

from typing import Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.optimization import Output, files_of
from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.optimization.config import IN_OUT, LOOK, OptimizationConfig
from impasto.optimization.outputs import OptimizationFiles


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
    from impasto.cli.progress import LiveLine
    from impasto.cli.root import EXIT_INTERRUPTED
    from impasto.jobs.finding import shown
    from impasto.machine.memory import keep_freed_memory
    from impasto.optimization import optimize_file

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
