"""`impasto export`: a style as a file for other programs' runtimes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SamplesName(StrEnum):
    """Type of the samples that go in and come out."""

    float32 = "float32"
    uint8 = "uint8"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE", help="A bundled style (see `impasto styles`) or a model file."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="NAME.onnx, or NAME.xml (with NAME.bin beside it) for OpenVINO.",
        ),
    ],
    samples: Annotated[
        SamplesName, typer.Option(help="In- and output: float32 in [0, 1], or uint8.")
    ] = SamplesName.float32,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is already there.")
    ] = False,
) -> None:
    """Write a style as a file for ONNX Runtime (browsers, phones, C++) or OpenVINO.

    It takes images of any size, (N, 3, height, width). Before it is kept it is run, and compared
    with the model.
    """
    from impasto.errors import OptionError
    from impasto.inference.export import export_style
    from impasto.models import load_style_model

    target = Path(output)
    if target.exists() and not overwrite:
        raise OptionError(f"{target} is already there; add --overwrite, or choose another name")
    exported = export_style(load_style_model(model), target, samples=samples.value)
    files = " and ".join(str(path) for path in exported.files)
    typer.echo(
        f"wrote {files}; run by {exported.runtime}, its pixels differ by "
        f"{exported.largest_difference * 255:.2g} of 255 levels at most"
    )
