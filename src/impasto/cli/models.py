"""`impasto styles`, `upscalers`, `export` and `import`: the models that there are.

The lists are made of the cards alone: no torch, no Pillow, no Rich.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.options import IN_OUT, MODEL, Network, NetworkName

if TYPE_CHECKING:
    from impasto.models.gallery import StyleEntry
    from impasto.models.upscalers import UpscalerEntry

AsJson = Annotated[
    bool, typer.Option("--json", help="For programs: the whole cards, and where the files are.")
]


def styles(as_json: AsJson = False) -> None:
    """List the bundled styles."""
    from impasto.models.gallery import list_styles

    entries = list_styles()
    if as_json:
        _echo_json([_style_record(entry) for entry in entries])
    elif entries:
        typer.echo("\n\n".join(_describe_style(entry) for entry in entries))
    else:
        typer.echo("This installation has no bundled styles; give a model file to --style.")


def upscalers(as_json: AsJson = False) -> None:
    """List the bundled super-resolution and restoration models."""
    from impasto.models.upscalers import list_upscalers

    entries = list_upscalers()
    if as_json:
        facts = ("name", "title", "task", "factor", "degradation", "licence", "bytes")
        _echo_json([_record(entry, facts) for entry in entries])
    elif entries:
        typer.echo("\n".join(_describe_upscaler(entry) for entry in entries))
    else:
        typer.echo("This installation has no bundled models; give a model file to --model.")


def _echo_json(records: list[dict[str, Any]]) -> None:
    import json

    typer.echo(json.dumps(records, indent=2, ensure_ascii=False))


def _record(entry: "StyleEntry | UpscalerEntry", facts: Sequence[str]) -> dict[str, Any]:
    """The card, and over it what holds on this machine."""
    return {
        **entry.card,
        **{name: getattr(entry, name) for name in facts},
        "path": str(entry.path),
    }


def _style_record(entry: "StyleEntry") -> dict[str, Any]:
    return {
        **_record(entry, ("name", "title", "artist", "year", "licence", "bytes")),
        "preview": str(entry.preview) if entry.preview else None,
        "qualities": list(entry.networks),
        "fast": None if entry.fast is None else _record_fast(entry.fast),
    }


def _record_fast(entry: "StyleEntry") -> dict[str, Any]:
    """The same of the smaller network, without what the two have in common."""
    own = ("network", "objective", "trained")
    return {
        **{key: entry.card[key] for key in own if key in entry.card},
        "bytes": entry.bytes,
        "path": str(entry.path),
    }


def _describe_style(entry: "StyleEntry") -> str:
    work = ", ".join(text for text in (entry.title, entry.artist, entry.year) if text)
    facts = [f"{entry.bytes / 1e6:.1f} MB"]
    if entry.fast:
        facts.append(f"{entry.fast.bytes / 1e6:.1f} MB with --network fast")
    facts.append(entry.licence)
    if entry.preview:
        facts.append(f"preview: {entry.preview}")
    return _two_lines(entry.name, work, facts)


def _describe_upscaler(entry: "UpscalerEntry") -> str:
    work = f"enlarges {entry.factor} times" if entry.task == "superres" else "restores"
    trained = f"trained on {entry.degradation!r}" if entry.degradation else ""
    return _two_lines(
        entry.name,
        entry.title,
        [work, trained, f"{entry.bytes / 1e6:.1f} MB", entry.licence],
    )


def _two_lines(name: str, title: str, facts: Sequence[str]) -> str:
    """For people; the name in bold where the terminal can."""
    first = f"{typer.style(name, bold=True)}{f'  {title}' if title else ''}"
    return f"{first}\n    {', '.join(fact for fact in facts if fact)}"


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


def _card(text: str) -> Any:
    return typer.Option(metavar="TEXT", rich_help_panel="Card of the style", help=text)


def import_model(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A .pth or .model file of pytorch/examples.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", rich_help_panel=IN_OUT, help="NAME.safetensors."
        ),
    ],
    name: Annotated[str, _card("Name of the style. [that of the file]")] = "",
    title: Annotated[str, _card("Title of the painting.")] = "",
    artist: Annotated[str, _card("Who painted it.")] = "",
    licence: Annotated[str, _card("Licence of the checkpoint.")] = "",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", rich_help_panel=IN_OUT, help="Replace what is already there."),
    ] = False,
) -> None:
    """Turn a checkpoint of another project into a style that paints the same pictures.

    pytorch/examples' fast_neural_style is known; lengstrom's fast-style-transfer by
    recipes/import_lengstrom.py. Nothing in the file is executed.
    """
    from impasto.errors import OptionError
    from impasto.files.user_files import user_path
    from impasto.jobs import check_file
    from impasto.models import save_model
    from impasto.models.importing import import_checkpoint

    target = user_path(output)
    if target.suffix.lower() != ".safetensors":
        raise OptionError(f"{target}: style files end in .safetensors; give such a name")
    check_file(target, "output", overwrite=overwrite)
    model = import_checkpoint(checkpoint, name=name, title=title, artist=artist, licence=licence)
    import torch

    # in full: a picture of theirs is then the same to a thousandth of a level
    save_model(target, model.network, model.config, model.card, dtype=torch.float32)
    kind = model.card["imported"]["format"]
    typer.echo(f"wrote {target}, a {kind} network; try `impasto stylize PHOTO --style {target}`")
