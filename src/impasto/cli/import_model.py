"""`impasto import`: a network that another project trained becomes a style file."""

from enum import StrEnum
from typing import Annotated

import typer


class CheckpointFormat(StrEnum):
    """Whose checkpoint it is; auto tells by the file."""

    auto = "auto"
    pytorch_examples = "pytorch-examples"
    lengstrom = "lengstrom"


def import_model(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A .pth or .model file of pytorch/examples, or a .ckpt of fast-style-transfer "
            "(a file, NAME of NAME.index, or their folder).",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="NAME.safetensors.")
    ],
    format: Annotated[
        CheckpointFormat, typer.Option("--format", help="Whose it is; auto tells by the file.")
    ] = CheckpointFormat.auto,
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="The style's; without it the file's.")
    ] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="The painting's.")] = "",
    artist: Annotated[str, typer.Option(metavar="TEXT", help="Who painted it.")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="The checkpoint's.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is already there.")
    ] = False,
) -> None:
    """Turn a checkpoint of another project into a style that paints the same pictures.

    pytorch/examples' fast_neural_style and lengstrom's fast-style-transfer are known. Nothing in
    the file is executed.
    """
    from impasto.errors import OptionError
    from impasto.files.user_files import user_path
    from impasto.jobs import check_file
    from impasto.models.importing.checkpoint import import_checkpoint
    from impasto.models.style_model import save_style_model

    target = user_path(output)
    if target.suffix.lower() != ".safetensors":
        raise OptionError(f"{target}: style files end in .safetensors; give such a name")
    check_file(target, "output", overwrite=overwrite)
    model = import_checkpoint(
        checkpoint, format=format.value, name=name, title=title, artist=artist, licence=licence
    )
    import torch

    # in full: a picture of theirs is then the same to a thousandth of a level
    save_style_model(target, model.network, model.config, model.card, dtype=torch.float32)
    kind = model.card["imported"]["format"]
    typer.echo(f"wrote {target}, a {kind} network; try `impasto stylize PHOTO --style {target}`")
