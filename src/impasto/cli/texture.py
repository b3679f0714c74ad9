"""`impasto texture`: a texture in the style of a painting, of any size."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

import re
from typing import Annotated

import typer

from impasto.cli import options as shared
from impasto.cli import seeing_flags as flags
from impasto.cli.train_flags import Device, LossNetworkFamily, Precision, Threads, flag
from impasto.errors import OptionError


def texture(
    ctx: typer.Context,
    painting: Annotated[str, typer.Argument(metavar="PAINTING", help="The painting to imitate.")],
    layers: Annotated[
        str, typer.Option(metavar="LAYERS", help="As relu1_2,relu2_2 or relu1_2,relu2_2:0.5.")
    ],
    output: flags.Output,
    size: Annotated[
        str | None, flag("WIDTHxHEIGHT of the result, px, or one side. [the painting's]")
    ] = None,
    painting_size: Annotated[
        int | None, flag("Long side of the painting, px: brush size. [its own, 512 at most]")
    ] = None,
    seamless: Annotated[bool | None, flag("Let the result tile the plane.", "--seamless")] = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: LossNetworkFamily = None,
    iterations: Annotated[int | None, flag("Over all stages. [200]")] = None,
    coarsest_px: Annotated[
        int | None,
        flag("Short side of the first stage; 0: one stage, no larger order. [32]", "--coarsest"),
    ] = None,
    seed: Annotated[int | None, flag("Of the noise to start from. [0]")] = None,
    precision: Precision = None,
    device: Device = None,
    threads: Threads = None,
    preview: flags.Preview = None,
    quality: shared.Quality = 95,
    max_pixels: shared.MaxPixels = None,
) -> None:
    """Make a texture of any size with the style of PAINTING. Ctrl-C keeps what is there."""
    from impasto.cli.optimization_progress import OptimizationProgress
    from impasto.machine.freed_memory import keep_freed_memory
    from impasto.optimization.synthesize import TextureConfig, TextureFiles, texture_file
    from impasto.options import parse_weights as parse_layers

    given = flags.given(ctx)
    source, target = flags.paths_of(given, "painting")
    files = TextureFiles(painting=source, target=target, **flags.file_options(given, target))
    given["layers"] = parse_layers(given["layers"])
    if "size" in given:
        given["size_wh"] = parse_size(given.pop("size"))
    config = TextureConfig(**given)
    keep_freed_memory()
    with OptimizationProgress.running() as progress:
        made = texture_file(config, files, progress.on_event)
    flags.finish([target], interrupted=made.interrupted, loss_network=made.loss_network)


def parse_size(text: str) -> tuple[int, int]:
    """ "1024x768" -> (1024, 768); "512" -> (512, 512). Raises OptionError."""
    match = re.fullmatch(r"(\d+)(?:[x×](\d+))?", text.strip())  # noqa: RUF001
    if match is None:
        raise OptionError(f"--size {text!r}: wanted WIDTHxHEIGHT in pixels, as 1024x768")
    return int(match[1]), int(match[2] or match[1])
