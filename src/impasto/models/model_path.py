"""Whether what was typed is a bundled model's name or a file. Never imports torch."""

from pathlib import Path

from impasto.errors import ModelError
from impasto.files.user_files import user_path


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
