"""The bundled styles: what there is, from their JSON cards alone. Never imports torch.

A style is three files in the folder `gallery` beside this one: NAME.safetensors (the model),
NAME.json (its card) and NAME.jpg (a preview of at most 256 px). Where there is a smaller, faster
network for it, that is fast/NAME.safetensors with fast/NAME.json.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from impasto.errors import ModelError, OptionError
from impasto.models.cards import advice, card_paths, facts_of, normalise_name, path_of

GALLERY_FOLDER = Path(__file__).with_name("gallery")
FAST_FOLDER = "fast"  # in the gallery
NETWORKS = ("full", "fast")


@dataclass(frozen=True, kw_only=True)
class StyleEntry:
    """A bundled style as its card describes it; unknown texts are empty.

    `bytes` is the size of the model file; `preview` is None if there is no picture; `card` is the
    whole card, with the training's provenance and the objective on held-out photos. `fast` is the
    same style by a smaller network, if there is one.
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
    fast: "StyleEntry | None" = None

    @property
    def networks(self) -> tuple[str, ...]:
        """What there is of "full" and "fast"."""
        return NETWORKS if self.fast else NETWORKS[:1]


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


def style_path(name_or_path: str | Path, network: str = "full") -> Path:
    """The file of one of a bundled style's networks, "full" or "fast"; of a path, itself.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. Raises
    OptionError for another network, ModelError for an unknown name (with the nearest ones), and
    where there is no fast network: for a style that has none, or a file.
    """
    if network not in NETWORKS:
        raise OptionError(f"no network {network!r}; choose from {', '.join(NETWORKS)}")
    path = path_of(name_or_path)
    train = f"`impasto train style --architecture fast --teacher {name_or_path} ...`"
    if path is not None:
        if network != "full":
            raise ModelError(
                f"{path}: a model file holds one network; leave out {network!r}, or train a fast "
                f"network from it with {train}"
            )
        return path
    entry = find_style(str(name_or_path))
    if network == "full":
        return entry.path
    if entry.fast is None:
        raise ModelError(
            f"the style {entry.name!r} has no fast network here; leave out 'fast', or train one "
            f"with {train}"
        )
    return entry.fast.path


def _read_entry(path: Path) -> StyleEntry:
    fast = path.parent / FAST_FOLDER / path.name
    entry = _read_one(path)
    return replace(entry, fast=_read_one(fast)) if fast in card_paths(fast.parent) else entry


def _read_one(path: Path) -> StyleEntry:
    preview = path.with_suffix(".jpg")
    facts = facts_of(path, ("title", "artist", "year", "licence", "painting_source"))
    return StyleEntry(preview=preview if preview.is_file() else None, **facts)
