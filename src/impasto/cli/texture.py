"""`impasto texture`: a texture in the style of a painting, of any size."""

from typing import Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.optimization import Output, files_of, finish
from impasto.files.user_files import user_path
from impasto.optimization.config import TextureConfig
from impasto.optimization.outputs import TextureFiles


@with_flags(TextureConfig, TextureFiles)
def texture(
    painting: Annotated[str, typer.Argument(metavar="PAINTING", help="The painting to imitate.")],
    output: Output,
    given: dict[str, Any],
) -> None:
    """Make a texture of any size with the style of PAINTING. Ctrl-C keeps what is there."""
    from impasto.cli.progress import LiveLine
    from impasto.machine.memory import keep_freed_memory
    from impasto.optimization.texture import texture_file

    files = files_of(TextureFiles, given, output, painting=user_path(painting))
    config = TextureConfig(**given)
    if config.max_memory is None:  # it is quicker, and takes a little more memory
        keep_freed_memory()
    with LiveLine() as on_event:
        made = texture_file(config, files, on_event)
    finish([files.target], interrupted=made.interrupted, loss_network=made.loss_network)
