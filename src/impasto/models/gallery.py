"""The bundled styles: what there is, from their JSON cards alone. Never imports torch.

A style is three files in the folder `gallery` beside this one: NAME.safetensors (the model),
NAME.json (its card) and NAME.jpg (a preview of at most 256 px).
"""

import difflib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import ModelError

GALLERY_FOLDER = Path(__file__).with_name("gallery")


@dataclass(frozen=True, kw_only=True)
class StyleEntry:
    """A bundled style as its card describes it; unknown texts are empty.

    `bytes` is the size of the model file; `preview` is None if there is no picture; `card` is the
    whole card, with the training's provenance and the objective on held-out photos.
    """

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    painting_source: str = ""
    bytes: int
    path: Path
    preview: Path | None = None
    card: dict[str, Any] = field(default_factory=dict, hash=False)


def list_styles(folder: Path | None = None) -> list[StyleEntry]:
    """Every style of `folder` (default: the bundled ones) that has a card and a model, by name.

    Raises ModelError, which names the file, if a card is not readable.
    """
    folder = GALLERY_FOLDER if folder is None else folder
    cards = (path for path in sorted(folder.glob("*.json")) if not path.name.startswith("."))
    return [_read_entry(path) for path in cards if path.with_suffix(".safetensors").is_file()]


def find_style(name: str, folder: Path | None = None) -> StyleEntry:
    """The style called `name`; capitals, spaces and underscores do not matter.

    Raises ModelError for an unknown name, with the nearest names in its message.
    """
    entries = list_styles(folder)
    wanted = normalise_name(name)
    for entry in entries:
        if entry.name == wanted:
            return entry
    raise ModelError(f"no style {name!r}; {_advice(wanted, entries)}")


def normalise_name(name: str) -> str:
    """ "Starry_Night " -> "starry-night", the form in which styles are named."""
    return re.sub(r"[\s_-]+", "-", name.strip()).strip("-").casefold()


def _read_entry(path: Path) -> StyleEntry:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict):
            raise ValueError(f"it holds a {type(card).__name__}, not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a style's card ({error}); reinstall impasto") from error
    model, preview = path.with_suffix(".safetensors"), path.with_suffix(".jpg")
    texts = ("title", "artist", "year", "licence", "painting_source")
    return StyleEntry(
        # The file's name, not the card's: it is what find_style must lead to.
        name=normalise_name(path.stem),
        **{key: str(card.get(key) or "") for key in texts},
        bytes=model.stat().st_size,
        path=model,
        preview=preview if preview.is_file() else None,
        card=card,
    )


def _advice(wanted: str, entries: list[StyleEntry]) -> str:
    nearest = difflib.get_close_matches(wanted, [entry.name for entry in entries], n=3, cutoff=0.5)
    # "wave" and "hokusai" are far from "great-wave" by spelling, but are what people remember.
    words = [word for word in wanted.split("-") if len(word) > 2]
    for entry in entries:
        known = normalise_name(f"{entry.name} {entry.title} {entry.artist}")
        if entry.name not in nearest and any(word in known for word in words):
            nearest.append(entry.name)
    if nearest:
        choice = " or ".join(repr(name) for name in nearest[:3])
        return f"did you mean {choice}? `impasto styles` lists them all"
    if not entries:
        return "this installation has no bundled styles; give the path of a .safetensors file"
    return (
        f"choose from {', '.join(entry.name for entry in entries)}, "
        "or give the path of a .safetensors file"
    )
