"""Cards of bundled models: NAME.json beside NAME.safetensors. Never imports torch."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from impasto.errors import ModelError


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


def texts_of(card: Mapping[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """Those entries as texts; what is missing or null is empty."""
    return {key: str(card.get(key) or "") for key in keys}
