"""`impasto export`: a model as a file for other programs' runtimes."""

import re
from enum import StrEnum
from typing import Annotated

import typer

from impasto.cli.options import IN_OUT, MODEL, Network, NetworkName


class SamplesName(StrEnum):
    """Type of the samples that go in and come out."""

    float32 = "float32"
    uint8 = "uint8"


class ExportPrecision(StrEnum):
    """Number format of the maps inside."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="Bundled model (see `impasto styles` and `impasto upscalers`) or model file.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            rich_help_panel=IN_OUT,
            help="NAME.onnx; NAME.xml (with NAME.bin) for OpenVINO; NAME.pt2 for PyTorch.",
        ),
    ],
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic",
            rich_help_panel=MODEL,
            help="Take images of any size; it is so without --size.",
        ),
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            rich_help_panel=MODEL,
            help="Take images of this height and width only, as 480x640.",
        ),
    ] = None,
    precision: Annotated[
        ExportPrecision,
        typer.Option(
            rich_help_panel=MODEL,
            help="Number format inside. In .xml files float16 is that of the weights; .onnx files "
            "have no bfloat16.",
        ),
    ] = ExportPrecision.float32,
    samples: Annotated[
        SamplesName,
        typer.Option(
            rich_help_panel=MODEL,
            help="Type of the images in and out: float32 in [0, 1], or uint8.",
        ),
    ] = SamplesName.float32,
    network: Network = NetworkName.full,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", rich_help_panel=IN_OUT, help="Replace what is already there."),
    ] = False,
) -> None:
    """Write a model as a file for ONNX Runtime (browsers, phones, C++), OpenVINO or PyTorch.

    The file takes images (N, 3, height, width). Before it is kept, that runtime runs it at several
    sizes, and the results are compared with the model's.
    """
    from impasto.engines.export import export_model
    from impasto.errors import OptionError
    from impasto.files.user_files import user_path
    from impasto.jobs import check_file
    from impasto.models import load_any_model, load_style_model

    if dynamic and size is not None:
        raise OptionError("`dynamic` is for any size, `size` for one; give one of the two")
    size_hw = None if size is None else _size_hw(size)
    target = user_path(output)
    beside = [target.with_suffix(".bin")] if target.suffix.lower() == ".xml" else []
    for path in (target, *beside):
        check_file(path, "output", overwrite=overwrite)
    fast = network is not NetworkName.full
    exported = export_model(
        load_style_model(model, network.value) if fast else load_any_model(model),
        target,
        samples=samples.value,
        precision=precision.value,
        size_hw=size_hw,
    )
    files = " and ".join(str(path) for path in exported.files)
    worst = exported.comparison
    typer.echo(
        f"wrote {files}; run by {exported.runtime}, its pixels differ by "
        f"{worst.largest_difference * 255:.2g} of 255 levels at most ({worst.psnr_db:.0f} dB PSNR)"
    )


def _size_hw(text: str) -> tuple[int, int]:
    from impasto.errors import OptionError

    sides = re.fullmatch(r"([1-9]\d{0,4})[xX\u00d7]([1-9]\d{0,4})", text.strip())
    if sides is None:
        raise OptionError(f"`size`: got {text!r}; wanted height x width in pixels, like 480x640")
    return int(sides[1]), int(sides[2])
