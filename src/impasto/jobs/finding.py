"""From what was named (files, folders, globs) to pictures, each with its place in the output."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.events import Failed
from impasto.files.user_files import user_path


@dataclass(frozen=True, kw_only=True)
class Source:
    """A picture file, and the relative path that keeps its folder structure in an output folder."""

    path: Path
    place: Path


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What was found, and the inputs that name nothing."""

    found: list[Source] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)


def shown(path: Path | str) -> str:
    """A path as it is safe to print: no control characters, no undecodable bytes."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def is_one_file(inputs: Sequence[str]) -> bool:
    """Whether exactly one file was named (not a folder, not a pattern), be it there or not."""
    if len(inputs) != 1:
        return False
    path = user_path(inputs[0])
    several = os.path.isdir(path) or (glob.has_magic(str(path)) and not os.path.lexists(path))
    return not several


def find_sources(inputs: Sequence[str], *, output_folder: Path | None) -> Sources:
    """Expand `inputs` in order; a picture named twice counts once, at its first mention.

    Folders are searched recursively for picture suffixes, hidden files left out. A pattern's
    structure is kept from its first part with a wildcard on. Pictures in `output_folder`, where
    that lies inside a searched folder, are earlier results and left out. An input that names
    nothing becomes a failure.
    """
    sources = Sources()
    seen: set[Path] = set()
    for text in inputs:
        count = 0
        for source in _expand(text, output_folder):
            count += 1
            key = source.path.resolve()
            if key not in seen:
                seen.add(key)
                sources.found.append(source)
        if not count:
            sources.failures.append(Failed(name=shown(text), reason=_why_nothing(text)))
    return sources


def _expand(text: str, output_folder: Path | None) -> Iterator[Source]:
    path = user_path(text)
    # The name as typed comes first: photo[1].jpg is a pattern, but also a file's name.
    if os.path.isdir(path):
        yield from _in_folder(path, root=path, output_folder=output_folder)
    elif os.path.lexists(path):
        yield Source(path=path, place=Path(path.name))
    elif glob.has_magic(str(path)):
        yield from _in_pattern(path, output_folder)


def _in_folder(folder: Path, *, root: Path, output_folder: Path | None) -> Iterator[Source]:
    from impasto.media import find_images  # here, so that a command's help does not load it

    for path in find_images(folder):
        if not _is_result(path, root, output_folder):
            yield Source(path=path, place=path.relative_to(root))


def _in_pattern(pattern: Path, output_folder: Path | None) -> Iterator[Source]:
    from impasto.media import IMAGE_SUFFIXES

    parts = pattern.parts
    wild = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:wild])  # Path() is the current folder
    for name in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(name)
        if path.is_dir():
            yield from _in_folder(path, root=root, output_folder=output_folder)
        elif path.suffix.lower() in IMAGE_SUFFIXES and not _is_result(path, root, output_folder):
            yield Source(path=path, place=path.relative_to(root))


def _is_result(path: Path, root: Path, output_folder: Path | None) -> bool:
    """Whether `path` lies in an output folder that itself lies strictly inside `root`."""
    if output_folder is None:
        return False
    folder = output_folder.resolve()
    inside = folder != root.resolve() and folder.is_relative_to(root.resolve())
    return inside and path.resolve().is_relative_to(folder)


def _why_nothing(text: str) -> str:
    path = user_path(text)
    if os.path.isdir(path):
        return "no pictures in this folder"
    if glob.has_magic(str(path)):
        return "no picture matches this pattern"
    return "no such file or folder"
