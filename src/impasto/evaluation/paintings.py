"""The painting that a style was trained on, known by the sha256 of its file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from impasto.errors import ModelError, OptionError
from impasto.media import find_images
from impasto.models import StyleModel

_IN_CHECKOUT = Path("recipes", "paintings")


def find_paintings(model: StyleModel, folder: Path | None = None) -> list[Path]:
    """The files whose hashes the model's card names, from `folder` (default: recipes/paintings).

    Raises OptionError if the folder or a painting is not there: another file under the right name
    is another painting. ModelError if the card does not say.
    """
    wanted = model.card.get("trained", {}).get("style_sha256")
    if not wanted:
        raise ModelError(f"style {model.name!r}: its card does not say on which painting's file")
    folder = _default_folder() if folder is None else folder
    if not folder.is_dir():
        raise OptionError(f"--paintings {folder}: no such folder")
    return [_find(str(digest), model.name, folder) for digest in wanted]


def _find(digest: str, name: str, folder: Path) -> Path:
    paths = find_images(folder)
    likely = sorted(paths, key=lambda path: path.stem != name)  # the one of its name first
    for path in likely:
        if file_sha256(path) == digest:
            return path
    other = [path.name for path in likely if path.stem == name]
    raise OptionError(
        f"--paintings {folder}: none of its {len(paths)} pictures is the file that {name} was "
        f"trained on (sha256 {digest[:12]}…{f'; its {other[0]} is another one' if other else ''}); "
        "another painting would be another objective"
    )


def file_sha256(path: Path) -> str:
    """Hex digits over the file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _default_folder() -> Path:
    candidates: Sequence[Path] = (Path.cwd(), *Path(__file__).parents[3:4])
    for root in candidates:
        if (root / _IN_CHECKOUT).is_dir():
            return root / _IN_CHECKOUT
    raise OptionError(
        "the paintings are not part of the package; give --paintings FOLDER, or run this in a "
        f"checkout, which has them in {_IN_CHECKOUT.as_posix()}"
    )
