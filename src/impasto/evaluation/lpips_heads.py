"""LPIPS' linear heads, version 0.1 (Zhang et al., arXiv 1801.03924): how much each channel counts.

A few kilobytes for each backbone, fitted by the authors to people's judgements. They are looked
for in `loss_networks/lpips_heads_v0.1/` of $IMPASTO_DATA and of the cache folder, else downloaded
from the authors' repository, at the commit named here, and checked.
"""

import os
from pathlib import Path

from torch import Tensor

from impasto.errors import WeightsError
from impasto.files.cache import cache_folder
from impasto.files.download import Progress, download_file
from impasto.networks.loss.load import DATA_VARIABLE, FOLDER
from impasto.networks.loss.weight_file import hash_tensors, read_weight_file

HEADS_FOLDER = "lpips_heads_v0.1"
_URL = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "c33f89e9f46522a584cf41d8880eb0afa982708b/lpips/weights/v0.1/{name}.pth"
)
# sha256 of the file; hash_tensors() of what it holds
_HASHES = {
    "alex": (
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        "5f9020d3211f1ce0f8cb17f4b4e02c46e2d196411428649d6ea3e4864f87f0ad",
    ),
    "vgg": (
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        "ed2cdb52aa51ea94970098b810aa3a4595500b9f25c96c8d9316be7338fa4317",
    ),
    "squeeze": (
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        "37f3c721a1c433bb8a4ed609a51a0f5eb8fc1964d9d972112ef22317113e098d",
    ),
}


def load_lpips_heads(
    name: str, *, cache_dir: Path | None = None, on_progress: Progress | None = None
) -> list[Tensor]:
    """The heads "alex", "vgg" or "squeeze": a (C,) weight for each channel, shallow layer first.

    Raises WeightsError if the file cannot be had, is damaged, or holds other values.
    """
    path = _find(name, cache_dir, on_progress)
    tensors = read_weight_file(path).tensors
    if hash_tensors(tensors) != _HASHES[name][1]:
        raise WeightsError(
            f"{path} does not hold LPIPS' v0.1 head {name!r}; delete it and try again"
        )
    return [tensors[key].flatten() for key in sorted(tensors)]


def heads_sha256(name: str) -> str:
    """The sha256 of the genuine file."""
    return _HASHES[name][0]


def _find(name: str, cache_dir: Path | None, on_progress: Progress | None) -> Path:
    data = os.environ.get(DATA_VARIABLE)
    cached = (cache_dir or cache_folder()) / FOLDER / HEADS_FOLDER / f"{name}.pth"
    at_hand = [Path(data) / FOLDER / HEADS_FOLDER / f"{name}.pth"] if data else []
    found = next((path for path in (*at_hand, cached) if path.is_file()), None)
    if found is not None:
        return found
    return download_file(
        _URL.format(name=name), cached, sha256=_HASHES[name][0], on_progress=on_progress
    )
