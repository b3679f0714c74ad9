"""Whether what was typed is a bundled model's name or a file. Never imports torch."""

from pathlib import Path


def path_of(name_or_path: str | Path) -> Path | None:
    """The path that is meant; None for the name of a bundled model.

    A string is a path if it ends in .safetensors, has a path separator, or names a file.
    """
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or path.suffix.lower() == ".safetensors":
        return path
    return path if len(path.parts) > 1 or "\\" in name_or_path or path.is_file() else None
