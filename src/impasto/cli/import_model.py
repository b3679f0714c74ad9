"""`impasto import`: a network that another project trained becomes a style file."""

from typing import Annotated, Any

import typer

from impasto.cli.options import IN_OUT


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
