"""Whether a picture will fit into memory, told before it is tried. Torch is imported to tell."""

from enum import Enum
from typing import TYPE_CHECKING

from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.machine.memory import total_memory
from impasto.plans.rewrite import rewrite

if TYPE_CHECKING:
    import torch
    from torch import nn

    from impasto.engines.passes import Rehearsal

FIXED_BYTES = 100 * 2**20  # tiles and the kernels' scratch space
IMAGE_BYTES = 3 * 4  # per pixel of a float32 image
TILES_SHARE = 0.8  # of the device's memory, where no limit is given: for what is done in tiles


class Way(Enum):
    """How an image that is in memory is painted: from the fastest to the leanest."""

    whole = "in one piece"
    tiles = "tile by tile"
    lean_tiles = "tile by tile, the largest maps made twice"
    scratch = "tile by tile, with maps on the disk"


def rehearse(
    network: "nn.Module",
    size_hw: tuple[int, int],
    dtype: "torch.dtype",
    *,
    recompute: bool = False,
    border: int = 0,
) -> "Rehearsal":
    """What painting tile by tile takes and does."""
    import torch

    from impasto.engines.feature_maps import ImageLevels
    from impasto.engines.passes import Rehearsal, run_plan

    steps = rewrite(network, subpixel=dtype.itemsize >= 4)
    image = ImageLevels(_unseen, size_hw, dtype, split=False)
    rehearsal = Rehearsal()
    cpu = torch.device("cpu")
    run_plan(steps, image, rehearsal, cpu, recompute=recompute, border=border)
    return rehearsal


def _unseen(box: object) -> "torch.Tensor":
    raise NotImplementedError


def tiles_bytes(
    network: "nn.Module",
    size_hw: tuple[int, int],
    dtype: "torch.dtype | None" = None,
    *,
    recompute: bool = False,
    border: int = 0,
) -> int:
    """Roughly what painting an image tile by tile takes at its peak, with image and result.

    dtype: of the maps, by default float32.
    """
    import torch

    dtype = dtype or torch.float32
    maps = rehearse(network, size_hw, dtype, recompute=recompute, border=border).peak_bytes
    return maps + 2 * IMAGE_BYTES * size_hw[0] * size_hw[1] + FIXED_BYTES


def check_memory(
    network: "nn.Module",
    size_hw: tuple[int, int],
    dtype: "torch.dtype",
    device: "torch.device",
    limit: int | None = None,
) -> None:
    """Raise OptionError if painting tile by tile passes the limit; default: all of `device`."""
    limit = total_memory(device) if limit is None else limit
    needed = tiles_bytes(network, size_hw, dtype, recompute=True)
    if limit is not None and needed > limit:
        raise too_large(size_hw, needed, limit)


def too_large(size_hw: tuple[int, int], needed: int, limit: int) -> OptionError:
    """The error for an image that is too large for the memory."""
    height, width = size_hw
    return OptionError(
        f"painting {width} x {height} px needs about {in_words(needed)} of memory, and "
        f"{in_words(max(limit, 0))} may be used; choose a smaller size, allow more memory, or "
        "paint from file to file, which takes less"
    )
