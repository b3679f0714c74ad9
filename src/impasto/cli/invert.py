"""`impasto invert`: what a layer of the loss network sees in a photo."""

from typing import Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.optimization import Output, files_of, finish
from impasto.files.user_files import user_path
from impasto.optimization.config import InversionConfig
from impasto.optimization.outputs import InversionFiles


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
    from impasto.cli.progress import LiveLine
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
