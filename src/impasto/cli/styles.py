"""`impasto styles`: what is bundled, from the cards alone (no torch, no Pillow, no Rich)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from impasto.models.gallery import StyleEntry


def styles(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the whole cards, and where the files are.")
    ] = False,
) -> None:
    """List the bundled styles."""
    from impasto.models.gallery import list_styles

    entries = list_styles()
    if as_json:
        import json

        records = [_record(entry) for entry in entries]
        typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
    elif entries:
        typer.echo("\n\n".join(_describe(entry) for entry in entries))
    else:
        typer.echo("This installation has no bundled styles; give a model file to --style.")


def _record(entry: "StyleEntry") -> dict[str, Any]:
    """The card, and over it what holds on this machine."""
    return {
        **entry.card,
        "name": entry.name,
        "title": entry.title,
        "artist": entry.artist,
        "year": entry.year,
        "licence": entry.licence,
        "bytes": entry.bytes,
        "path": str(entry.path),
        "preview": str(entry.preview) if entry.preview else None,
        "qualities": list(entry.qualities),
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


def _describe(entry: "StyleEntry") -> str:
    """Two lines for people; the name in bold where the terminal can."""
    work = ", ".join(text for text in (entry.title, entry.artist, entry.year) if text)
    facts = [f"{entry.bytes / 1e6:.1f} MB"]
    if entry.fast:
        facts.append(f"{entry.fast.bytes / 1e6:.1f} MB with --network fast")
    facts.append(entry.licence)
    if entry.preview:
        facts.append(f"preview: {entry.preview}")
    name = typer.style(entry.name, bold=True)
    return f"{name}  {work}\n    {', '.join(fact for fact in facts if fact)}"
