"""Options of the commands for pictures, one name each, so that a command reads as its steps."""

from enum import StrEnum
from typing import Annotated

import typer


class DeviceName(StrEnum):
    """Where to compute; auto takes CUDA, then Apple's MPS, then the CPU."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class BackendName(StrEnum):
    """What runs the network; auto takes, of what is installed, the fastest."""

    auto = "auto"
    eager = "eager"
    compile = "compile"
    openvino = "openvino"
    onnx = "onnx"


class NetworkName(StrEnum):
    """Which of a bundled style's networks: the full one, or a smaller and faster one."""

    full = "full"
    fast = "fast"


class PrecisionName(StrEnum):
    """In which number format; auto takes bfloat16 where it is fast."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    int8 = "int8"


def _complete_style(incomplete: str) -> list[str]:
    from impasto.models.gallery import list_styles

    return [entry.name for entry in list_styles() if entry.name.startswith(incomplete)]


class Factor(StrEnum):
    """How many times longer each side becomes."""

    two = "2"
    three = "3"
    four = "4"
    eight = "8"


class ColorMatchName(StrEnum):
    """Where the colours of the result come from."""

    auto = "auto"
    none = "none"
    histogram = "histogram"
    low_frequency = "low-frequency"


def _complete_upscaler(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "superres")


def _complete_restorer(incomplete: str) -> list[str]:
    return _complete_model(incomplete, "restore")


def _complete_model(incomplete: str, task: str) -> list[str]:
    from impasto.models.upscalers import list_upscalers

    names = [entry.name for entry in list_upscalers() if entry.task == task]
    return [name for name in names if name.startswith(incomplete)]


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
        help="Without it: the current folder for one photo, else ./painted or ./upscaled.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(min=1, metavar="PX", help="Long side of the result; without it, the photo's."),
]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Backend = Annotated[
    BackendName,
    typer.Option(help="What runs the network; auto takes the fastest that is installed."),
]
PrecisionChoice = Annotated[
    PrecisionName,
    typer.Option("--precision", help="Number format; auto takes bfloat16 where it is fast."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell what runs the network.")]
Strength = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="From 0, the photo, to 1, the full style.")
]
KeepColors = Annotated[
    bool, typer.Option("--keep-colors", help="Take the brush strokes, keep the photo's colours.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Do again what is already there.")]
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
Network = Annotated[
    NetworkName,
    typer.Option(help="full: best quality; fast: smaller network, about twice as fast."),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Refuse photos of more pixels (decompression bombs)."),
]

MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="4GB, 512MiB ...: of the whole program. Larger photos go by way of the disk.",
    ),
]
Scratch = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="For --max-memory; without it, the system's temporary one."
    ),
]
Border = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        help="Mirrored around the photo while it is painted, so that its edges look as its middle "
        "does; 0: none. Without it 16, of imported styles 0.",
    ),
]

EnlargementFactor = Annotated[
    Factor | None,
    typer.Option(help="Times as wide and as high; without it the model's own, or 4."),
]
UpscalerName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_upscaler,
        help="A bundled model (see `impasto upscalers`), with or without its -xN, or a file.",
    ),
]
RestorerName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME_OR_FILE",
        autocompletion=_complete_restorer,
        help="A bundled model (see `impasto upscalers`) or a file of `impasto train restore`.",
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="For models that fill holes: white where the photo is missing; else its alpha counts.",
    ),
]
EnlargedSize = Annotated[
    int | None,
    typer.Option(
        "--size", min=1, metavar="PX", help="Long side of the result, if not what the factor gives."
    ),
]
NetworkStrength = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="From 0, what a plain filter gives, to 1, the network."),
]
ColorMatch = Annotated[
    ColorMatchName,
    typer.Option(help="Take the colours from the photo; auto is what the model recommends."),
]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile", min=1, metavar="PX", help="Side of a tile in the photo; without it by device."
    ),
]
