"""Which loss network to look with, when nobody named one."""

import os
from pathlib import Path

from impasto.files.cache import cache_folder
from impasto.networks.loss.known import KNOWN_FILES
from impasto.networks.loss.load import DATA_VARIABLE, FOLDER
from impasto.networks.loss.official import OFFICIAL

AUTO = "auto"
# In order of preference; the first is downloaded if none is there.
PREFERRED = ("vgg19", "vgg16", "vgg19-normalised+vgg19-distilled", "vgg19-distilled")


def choose_loss_network(name: str = AUTO) -> str:
    """`name` itself; for "auto" the first of PREFERRED whose files are on this machine.

    If there are none: the first, which `load_loss_network` downloads.
    """
    if name != AUTO:
        return name
    return next((each for each in PREFERRED if _is_here(each)), PREFERRED[0])


def _is_here(name: str) -> bool:
    data = os.environ.get(DATA_VARIABLE)
    folders = [Path(data) / FOLDER] if data else []
    folders.append(cache_folder() / FOLDER)
    return all(
        any((folder / file).is_file() for folder in folders for file in _files(part))
        for part in name.split("+")
    )


def _files(name: str) -> tuple[str, ...]:
    if name in OFFICIAL:
        return OFFICIAL[name].file_name, OFFICIAL[name].pth_name
    return (KNOWN_FILES[name].file_name,)
