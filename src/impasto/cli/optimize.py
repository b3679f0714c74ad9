"""`impasto optimize`: one photo, paintings, and the best single picture that they make."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli import options as shared
from impasto.cli.train_flags import Device, LossNetworkFamily, Precision, Threads, flag
from impasto.errors import OptionError
from impasto.files.byte_sizes import parse_bytes
from impasto.files.user_files import user_path

if TYPE_CHECKING:
    from impasto.optimization import OptimizationFiles

FILE_FLAGS = (
    "content", "style", "output", "mask", "style_mask", "init", "preview", "preview_every",
    "keep_metadata", "quality", "max_pixels",
)  # fmt: skip


def optimize(
    ctx: typer.Context,
    content: Annotated[str, typer.Option(metavar="PHOTO", help="The photo to be painted.")],
    style: Annotated[
        list[str],
        typer.Option("--style", "-s", metavar="PAINTING", help="A painting; repeat it to mix."),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="The picture file to write.")
    ],
    mode: Annotated[
        str | None, flag("best; paper: Johnson et al., eq. 5; gatys: Gatys et al. [best]")
    ] = None,
    loss_network: Annotated[
        str | None, flag("Name, file, or A+B; auto: the best that is here. [auto]")
    ] = None,
    loss_network_family: LossNetworkFamily = None,
    size: Annotated[
        int | None, flag("Long side of the result, px; without it the photo's, 512 at most.")
    ] = None,
    iterations: Annotated[int | None, flag("Over all stages. [500]")] = None,
    init: Annotated[
        str | None, flag("content, noise, or a picture; noise for paper and gatys. [content]")
    ] = None,
    content_weight: Annotated[float | None, flag("Of the content; alpha. [1]")] = None,
    style_weight: Annotated[
        float | None, flag("Of the style, by mode; beta for gatys: more, more style.")
    ] = None,
    tv_weight: Annotated[float | None, flag("Total variation, by mode; against grain.")] = None,
    content_layers: Annotated[str | None, flag("As relu4_2; by mode and network.")] = None,
    style_layers: Annotated[
        str | None, flag("As relu1_1,relu2_1:0.5; by mode and network.")
    ] = None,
    style_image_weights: Annotated[str | None, flag("One for each --style, as 1,0.5.")] = None,
    style_scale: Annotated[
        float | None, flag("Painting's long side by the result's; less: finer strokes. [1]")
    ] = None,
    colors: Annotated[
        str | None,
        flag("style; luminance: the photo's; recolored: the painting in the photo's. [style]"),
    ] = None,
    mask: Annotated[
        list[Path] | None, flag("White where the style goes; one for each --style, in order.")
    ] = None,
    style_mask: Annotated[
        list[Path] | None, flag("White where the painting counts; one for each --style.")
    ] = None,
    optimizer: Annotated[str | None, flag("adam or lbfgs, for every stage; by mode.")] = None,
    learning_rate: Annotated[float | None, flag("Adam's, pixels being 0 to 1. [0.02]")] = None,
    start_size: Annotated[
        int | None, flag("Long side of the first stage, px; best starts at 128, others at the end.")
    ] = None,
    border: Annotated[
        int | None,
        flag("Px painted beyond each edge, and cut off; best: a 24th of the long side, others 0."),
    ] = None,
    absolute: Annotated[
        bool | None, flag("paper: errors of eq. 2 and 4 as they are.", "--absolute")
    ] = None,
    pooling: Annotated[str | None, flag("max or average, in VGG networks. [max]")] = None,
    precision: Precision = None,
    device: Device = None,
    threads: Threads = None,
    seed: Annotated[int | None, flag("Of the noise to start from. [0]")] = None,
    max_memory: Annotated[
        str | None, flag("4GB, 512MiB, or a number of GiB that may be used; else what is free.")
    ] = None,
    preview: Annotated[
        str | None, flag("Keep a preview in this file; none: no preview. [OUT.preview.jpg]")
    ] = None,
    preview_every: Annotated[float, flag("Seconds between previews.")] = 10.0,
    keep_metadata: shared.KeepMetadata = True,
    quality: shared.Quality = 95,
    max_pixels: shared.MaxPixels = None,
) -> None:
    """Paint one photo as well as it can be, by optimising its pixels. Takes minutes.

    Ctrl-C keeps what is there: it is written to OUT.
    """
    from impasto.cli.optimization_progress import OptimizationProgress
    from impasto.cli.root import EXIT_INTERRUPTED
    from impasto.cli.train_flags import given_options
    from impasto.jobs import shown
    from impasto.machine.freed_memory import keep_freed_memory
    from impasto.optimization import OptimizationConfig, optimize_file

    given = given_options(ctx, _parsers())
    files = _files(given)
    config = OptimizationConfig(
        **{name: value for name, value in given.items() if name not in FILE_FLAGS}
    )
    if config.max_memory_bytes is None:  # it is quicker, and takes a little more memory
        keep_freed_memory()
    with OptimizationProgress.running() as progress:
        result = optimize_file(config, files, progress.on_event)
    target = shown(files.target)
    if result.interrupted:
        done = f"{len(result.history)} of {result.iterations} iterations"
        typer.echo(f"interrupted after {done}; the best so far is in {target}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"painted {target}  (objective {result.total:.4g}, {result.loss_network})")


def _files(given: dict[str, Any]) -> "OptimizationFiles":
    """Takes the flags about files; `max_memory` and `absolute` become fields of the config."""
    from impasto.media import DEFAULT_MAX_PIXELS
    from impasto.optimization import OptimizationFiles
    from impasto.optimization.preview import preview_beside

    if "max_memory" in given:
        given["max_memory_bytes"] = _bytes(given.pop("max_memory"))
    if given.pop("absolute", False):
        given["relative"] = False
    target = _path(given["output"])
    if not target.name:
        raise OptionError(f"--output {given['output']!r}: wanted the name of a picture file")
    preview = given.get("preview") or str(preview_beside(target))
    return OptimizationFiles(
        content=_path(given["content"]),
        styles=tuple(map(_path, given["style"])),
        target=target,
        masks=tuple(given.get("mask", ())),
        style_masks=tuple(given.get("style_mask", ())),
        init=given.get("init"),
        preview=None if preview == "none" else _path(preview),
        preview_every_s=given["preview_every"],
        keep_preview="preview" in given,
        keep_metadata=given["keep_metadata"],
        quality=given["quality"],
        max_pixels=given.get("max_pixels", DEFAULT_MAX_PIXELS),
    )


def _parsers() -> dict[str, Any]:
    """Flags' text -> the types of OptimizationConfig."""
    from impasto.options import parse_weights as parse_layers

    return {
        "content_layers": parse_layers,
        "style_layers": parse_layers,
        "style_image_weights": _weights,
    }


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"--style-image-weights {text!r}: wanted a number for each --style, as 1,0.5"
        ) from error


def _path(text: str) -> Path:
    return user_path(text)


def _bytes(size: str) -> int:
    """ "4GB" as everywhere; a number alone counts GiB."""
    try:
        gibibytes = float(size)
    except ValueError:
        return parse_bytes(size, "--max-memory")
    if not 0 < gibibytes < float("inf"):
        raise OptionError(f"--max-memory: got {size}; wanted GiB above 0, or a size such as 4GB")
    return int(gibibytes * 2**30)
