"""`impasto invert`: what a layer of the loss network sees in a photo."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from typing import Annotated

import typer

from impasto.cli import options as shared
from impasto.cli import seeing_flags as flags
from impasto.cli.train_flags import Device, LossNetworkFamily, Precision, Threads, flag


def invert(
    ctx: typer.Context,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="The photo to look at.")],
    output: flags.Output,
    layer: Annotated[
        list[str] | None, flag("As relu3_3; repeat it, or separate several by commas.")
    ] = None,
    model: Annotated[
        str | None, flag("Instead: a model file of `impasto train inversion`; one pass.")
    ] = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: LossNetworkFamily = None,
    iterations: Annotated[int | None, flag("For each layer. [200]")] = None,
    tv_weight: Annotated[
        float | None,
        flag("Total variation's weight: smoother. [0.1 for each px of a sample's side]"),
    ] = None,
    size: Annotated[
        int | None, flag("Long side of the result, px; without it the photo's, 512 at most.")
    ] = None,
    seed: Annotated[int | None, flag("Of the noise to start from. [0]")] = None,
    precision: Precision = None,
    device: Device = None,
    threads: Threads = None,
    preview: flags.Preview = None,
    quality: shared.Quality = 95,
    max_pixels: shared.MaxPixels = None,
) -> None:
    """Show what a layer of the loss network sees: the picture that it cannot tell from PHOTO.

    Of several layers each goes to OUT-LAYER beside OUT, which becomes a sheet of them all. Ctrl-C
    keeps what is there.
    """
    from impasto.cli.optimization_progress import OptimizationProgress
    from impasto.machine.freed_memory import keep_freed_memory
    from impasto.optimization.inversion_config import InversionConfig
    from impasto.optimization.invert import InversionFiles, invert_file

    given = flags.given(ctx)
    source, target = flags.paths_of(given, "photo")
    files = InversionFiles(photo=source, target=target, **flags.file_options(given, target))
    layers = [name.strip() for text in given.pop("layer", ()) for name in text.split(",")]
    config = InversionConfig(layers=tuple(layers), **given)
    keep_freed_memory()
    with OptimizationProgress.running() as progress:
        done = invert_file(config, files, progress.on_event)
    for found in done.found:
        typer.echo(f"{found.layer}: {found.psnr:.2f} dB, feature error {found.error:.2g}")
    flags.finish(done.files, interrupted=done.interrupted, loss_network=done.loss_network)
