"""`impasto upscalers`: what is bundled, from the cards alone (no torch, no Pillow, no Rich)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from impasto.models.upscalers import UpscalerEntry


def upscalers(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the whole cards, and where the files are.")
    ] = False,
) -> None:
    """List the bundled super-resolution and restoration models."""
    from impasto.models.upscalers import list_upscalers

    entries = list_upscalers()
    if as_json:
        import json

        records = [_record(entry) for entry in entries]
        typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
    elif entries:
        typer.echo("\n".join(_describe(entry) for entry in entries))
    else:
        typer.echo("This installation has no bundled models; give a model file to --model.")


def _record(entry: "UpscalerEntry") -> dict[str, Any]:
    """The card, and over it what holds on this machine."""
    return {
        **entry.card,
        "name": entry.name,
        "title": entry.title,
        "task": entry.task,
        "factor": entry.factor,
        "degradation": entry.degradation,
        "licence": entry.licence,
        "bytes": entry.bytes,
        "path": str(entry.path),
    }


def _describe(entry: "UpscalerEntry") -> str:
    """Two lines for people; the name in bold where the terminal can."""
    work = f"enlarges {entry.factor} times" if entry.task == "superres" else "restores"
    trained = f"trained on {entry.degradation!r}" if entry.degradation else ""
    facts = [work, trained, f"{entry.bytes / 1e6:.1f} MB", entry.licence]
    name = typer.style(entry.name, bold=True)
    title = f"  {entry.title}" if entry.title else ""
    return f"{name}{title}\n    {', '.join(fact for fact in facts if fact)}"
