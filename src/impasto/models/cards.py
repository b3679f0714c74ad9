"""Bundled models: names, told from files and found when misspelt, and cards. Never imports torch.

A card is NAME.json beside NAME.safetensors.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from impasto.errors import ModelError
from impasto.files.user_files import user_path


def card_paths(folder: Path) -> list[Path]:
    """The cards of `folder` that have a model beside them, by name; hidden files are left out."""
    cards = (path for path in sorted(folder.glob("*.json")) if not path.name.startswith("."))
    return [path for path in cards if path.with_suffix(".safetensors").is_file()]


def read_card(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises ModelError, which names the file."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict):
            raise ValueError(f"it holds a {type(card).__name__}, not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model's card ({error}); reinstall impasto") from error
    return card


def facts_of(path: Path, texts: Iterable[str]) -> dict[str, Any]:
    """What every entry of a bundled model has, and those texts; what the card lacks is empty.

    The name is the card file's, in the form in which models are found.
    """
    card, model = read_card(path), path.with_suffix(".safetensors")
    facts = {"name": normalise_name(path.stem), "path": model, "bytes": model.stat().st_size}
    return {**{key: str(card.get(key) or "") for key in texts}, **facts, "card": card}


def path_of(name_or_path: str | Path) -> Path | None:
    """The path that is meant; None for the name of a bundled model.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. Raises
    ModelError for what is neither a string nor a path.
    """
    if not isinstance(name_or_path, str | Path):
        raise ModelError(
            f"model {name_or_path!r}: wanted a bundled model's name, or the path of a file"
        )
    path = user_path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix.lower() == ".safetensors":
        return path
    if len(path.parts) > 1 or "\\" in name_or_path:
        return path
    try:
        return path if path.is_file() else None
    except OSError:  # too long for a file's name
        return None


def normalise_name(name: str) -> str:
    """ "Starry_Night " -> "starry-night", the form in which models are named."""
    return re.sub(r"[\s_-]+", "-", name.strip()).strip("-").casefold()


def advice(wanted: str, known: Mapping[str, str], *, noun: str, list_command: str) -> str:
    """What to do when `wanted` is none of the names in `known`: the three nearest, if any.

    The values are what people may remember instead of the name: "hokusai" is far from
    "great-wave" by spelling.
    """
    if not known:
        return f"this installation has no bundled {noun}s; give the path of a .safetensors file"
    nearest = difflib.get_close_matches(wanted, list(known), n=3, cutoff=0.5)
    words = [word for word in wanted.split("-") if len(word) > 2]
    for name, memories in known.items():
        text = normalise_name(f"{name} {memories}")
        if name not in nearest and any(word in text for word in words):
            nearest.append(name)
    if nearest:
        choice = " or ".join(repr(name) for name in nearest[:3])
        return f"did you mean {choice}? `{list_command}` lists them all"
    return f"choose from {', '.join(known)}, or give the path of a .safetensors file"
