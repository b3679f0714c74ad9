"""One file to be written, checked before the work."""

import os
from pathlib import Path

from impasto.errors import OptionError
from impasto.files.user_files import nearest_folder


def check_target(target: Path, option: str, *, overwrite: bool) -> None:
    """Raise OptionError, which names the option, for what cannot or must not be written."""
    if target.is_dir():
        raise OptionError(f"{option} {target}: is a folder; give the name of a file")
    if target.exists() and not overwrite:
        raise OptionError(f"{target} is already there; add --overwrite, or choose another name")
    folder = nearest_folder(target.absolute().parent)
    if not folder.is_dir():
        raise OptionError(f"{option} {target}: {folder} is not a folder; choose another place")
    if not os.access(folder, os.W_OK):
        raise OptionError(
            f"{option} {target}: no permission to write to {folder}; choose another place"
        )
