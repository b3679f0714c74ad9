"""The bundled styles: what there is, from their JSON cards alone. Never imports torch.

A style is three files in the folder `gallery` beside this one: NAME.safetensors (the model),
NAME.json (its card) and NAME.jpg (a preview of at most 256 px).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import ModelError
from impasto.models.cards import advice, card_paths, normalise_name, read_card, texts_of

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
    return [_read_entry(path) for path in card_paths(GALLERY_FOLDER if folder is None else folder)]


def find_style(name: str, folder: Path | None = None) -> StyleEntry:
    """The style called `name`; capitals, spaces and underscores do not matter.

    Raises ModelError for an unknown name, with the nearest names in its message.
    """
    entries = list_styles(folder)
    wanted = normalise_name(name)
    for entry in entries:
        if entry.name == wanted:
            return entry
    known = {entry.name: f"{entry.title} {entry.artist}" for entry in entries}
    hint = advice(wanted, known, noun="style", list_command="impasto styles")
    raise ModelError(f"no style {name!r}; {hint}")


def _read_entry(path: Path) -> StyleEntry:
    card = read_card(path)
    model, preview = path.with_suffix(".safetensors"), path.with_suffix(".jpg")
    return StyleEntry(
        # The file's name, not the card's: it is what find_style must lead to.
        name=normalise_name(path.stem),
        **texts_of(card, ("title", "artist", "year", "licence", "painting_source")),
        bytes=model.stat().st_size,
        path=model,
        preview=preview if preview.is_file() else None,
        card=card,
    )
