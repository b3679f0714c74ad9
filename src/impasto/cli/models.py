"""`impasto styles`, `upscalers`, `export` and `import`: the models that there are.

The lists are made of the cards alone: no torch, no Pillow, no Rich.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.cli.flags import with_flags
from impasto.errors import OptionError
from impasto.files.user_files import user_path
from impasto.options import Options, option
from impasto.painting.options import IN_OUT

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


def _read_size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([1-9]\d{0,4})[xX\u00d7]([1-9]\d{0,4})", text.strip())
    if sides is None:
        raise OptionError(f"got {text!r}; wanted height x width in pixels, like 480x640")
    return int(sides[1]), int(sides[2])


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """What the exported file takes and gives."""

    dynamic: bool = option(
        False, "Take images of any size; it is so without --size.", flags=("--dynamic",)
    )
    size: tuple[int, int] | None = option(
        None,
        "Take images of this height and width only, as 480x640.",
        unit="HxW",
        parse=_read_size,
    )
    precision: Literal["float32", "bfloat16", "float16"] = option(
        "float32",
        "Number format inside. In .xml files float16 is that of the weights; .onnx files have no "
        "bfloat16.",
    )
    samples: Literal["float32", "uint8"] = option(
        "float32", "Type of the images in and out: float32 in [0, 1], or uint8."
    )
    network: Literal["full", "fast"] = option(
        "full", "Of a bundled style. full: best quality; fast: smaller, about twice as fast."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dynamic and self.size is not None:
            raise OptionError("`dynamic` is for any size, `size` for one; give one of the two")


@dataclass(frozen=True, kw_only=True)
class CardOptions(Options):
    """What an imported style's card says."""

    name: str = option("", "Name of the style.", default_text="that of the file")
    title: str = option("", "Title of the painting.")
    artist: str = option("", "Who painted it.")
    licence: str = option("", "Licence of the checkpoint.")


def _output(text: str) -> Any:
    return typer.Option("--output", "-o", metavar="FILE", rich_help_panel=IN_OUT, help=text)


Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", rich_help_panel=IN_OUT, help="Replace what is already there."),
]


@with_flags(ExportOptions, group="Model")
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="Bundled model (see `impasto styles` and `impasto upscalers`) or model file.",
        ),
    ],
    output: Annotated[
        str, _output("NAME.onnx; NAME.xml (with NAME.bin) for OpenVINO; NAME.pt2 for PyTorch.")
    ],
    given: dict[str, Any],
    overwrite: Overwrite = False,
) -> None:
    """Write a model as a file for ONNX Runtime (browsers, phones, C++), OpenVINO or PyTorch.

    The file takes images (N, 3, height, width). Before it is kept, that runtime runs it at several
    sizes, and the results are compared with the model's.
    """
    from impasto.engines.export import export_model
    from impasto.jobs import check_file
    from impasto.models import load_any_model, load_style_model

    options = ExportOptions(**given)
    target = user_path(output)
    beside = [target.with_suffix(".bin")] if target.suffix.lower() == ".xml" else []
    for path in (target, *beside):
        check_file(path, "output", overwrite=overwrite)
    fast = options.network != "full"
    exported = export_model(
        load_style_model(model, options.network) if fast else load_any_model(model),
        target,
        samples=options.samples,
        precision=options.precision,
        size_hw=options.size,
    )
    files = " and ".join(str(path) for path in exported.files)
    worst = exported.comparison
    typer.echo(
        f"wrote {files}; run by {exported.runtime}, its pixels differ by "
        f"{worst.largest_difference * 255:.2g} of 255 levels at most ({worst.psnr_db:.0f} dB PSNR)"
    )


@with_flags(CardOptions, group="Card of the style")
def import_model(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="CHECKPOINT", help="A .pth or .model file of pytorch/examples."),
    ],
    output: Annotated[str, _output("NAME.safetensors.")],
    given: dict[str, Any],
    overwrite: Overwrite = False,
) -> None:
    """Turn a checkpoint of another project into a style that paints the same pictures.

    pytorch/examples' fast_neural_style is known; lengstrom's fast-style-transfer by
    recipes/import_lengstrom.py. Nothing in the file is executed.
    """
    from impasto.jobs import check_file
    from impasto.models import save_model
    from impasto.models.importing import import_checkpoint

    target = user_path(output)
    if target.suffix.lower() != ".safetensors":
        raise OptionError(f"{target}: style files end in .safetensors; give such a name")
    check_file(target, "output", overwrite=overwrite)
    model = import_checkpoint(checkpoint, **vars(CardOptions(**given)))
    import torch

    # in full: a picture of theirs is then the same to a thousandth of a level
    save_model(target, model.network, model.config, model.card, dtype=torch.float32)
    kind = model.card["imported"]["format"]
    typer.echo(f"wrote {target}, a {kind} network; try `impasto stylize PHOTO --style {target}`")
