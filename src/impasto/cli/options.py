"""Options of `impasto stylize`, one name each, so that the command reads as its steps."""

from enum import StrEnum
from typing import Annotated

import typer


class DeviceName(StrEnum):
    """Where to compute; auto takes CUDA, then Apple's MPS, then the CPU."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


def _complete_style(incomplete: str) -> list[str]:
    from impasto.models.gallery import list_styles

    return [entry.name for entry in list_styles() if entry.name.startswith(incomplete)]


Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Photos, folders (with subfolders), quoted globs."),
]
Styles = Annotated[
    list[str],
    typer.Option(
        "--style",
        "-s",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_style,
        help="A bundled style (see `impasto styles`) or a model file; repeat it for several.",
    ),
]
OutputPath = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE_OR_FOLDER",
        help="Without it: the current folder for one photo, else ./painted.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(min=1, metavar="PX", help="Long side of the result; without it, the photo's."),
]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Strength = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="From 0, the photo, to 1, the full style.")
]
KeepColors = Annotated[
    bool, typer.Option("--keep-colors", help="Take the brush strokes, keep the photo's colours.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Paint again what is already there.")]
KeepMetadata = Annotated[
    bool,
    typer.Option("--keep-metadata/--no-metadata", help="EXIF (with place and date) and XMP."),
]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="SUFFIX",
        help="png, jpg, webp, tiff ...; without it the photo's, or png where that is not written.",
    ),
]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF files.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Refuse photos of more pixels (decompression bombs)."),
]
