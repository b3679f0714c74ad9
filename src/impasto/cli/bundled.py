"""`impasto styles` and `impasto upscalers`: from the cards alone (no torch, no Pillow, no Rich)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
