"""`impasto styles`: what is bundled, from the cards alone (no torch, no Pillow)."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from impasto.models.gallery import StyleEntry


def styles(
    as_json: Annotated[bool, typer.Option("--json", help="The whole cards, for programs.")] = False,
) -> None:
    """List the bundled styles."""
    from impasto.models.gallery import list_styles

    entries = list_styles()
    if as_json:
        _print_json(entries)
    elif entries:
        _print_table(entries)
    else:
        typer.echo("This build has no bundled styles; give a model file to --style.")
