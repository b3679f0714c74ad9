"""Whether results can be written where they are to go: asked before the work, not after it."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from impasto.errors import ImageError, OptionError
from impasto.files.user_files import nearest_folder
from impasto.media import check_target


def check_outputs(
    targets: Iterable[Path], size_hw: tuple[int, int], *, inputs: Iterable[Path]
) -> None:
    """Refuse targets of a format that is not written, in no folder, or that are an input.

    Raises ImageError or OptionError, which name the file.
    """
    taken = {path.resolve() for path in inputs}
    for target in targets:
        check_target(target, size_hw)
        if target.resolve() in taken:
            raise OptionError(
                f"{target} is the input, which is never overwritten; give another name"
            )
        _check_folder(target)


def _check_folder(target: Path) -> None:
    """By trying, in the first folder above that is there: rights do not tell of a full disk."""
    folder = nearest_folder(target.absolute().parent)
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(b"\0")
    except OSError as error:
        raise ImageError(
            f"{target}: its folder cannot be written ({error}); choose another place"
        ) from error
