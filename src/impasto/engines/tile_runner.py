"""Work through a picture tile by tile; where the memory does not suffice, with smaller tiles."""

from collections import deque
from collections.abc import Callable

import torch

from impasto.engines.memory import is_out_of_memory
from impasto.engines.tiles import Box, split, whole
from impasto.errors import OptionError

SMALLEST_TILE_PX = 16


def run_tiles(
    size_hw: tuple[int, int],
    work: Callable[[Box], object],
    *,
    tile_px: int,
    multiple: int = 1,
    region: Box | None = None,
    on_warning: Callable[[str], object] = lambda message: None,  # noqa: ARG005
    on_progress: Callable[[float], object] = lambda share: None,  # noqa: ARG005
) -> None:
    """Call `work` on every tile of a picture of `size_hw`, each at most `tile_px` a side.

    region: the part of the picture that is wanted, if not all of it; it starts at a multiple.

    A tile for which the memory does not suffice is cut up and tried again, and so are all that
    follow; `on_warning` is told. `on_progress` hears what share of the pixels is done. Raises
    OptionError if even tiles of 16 px are too large.
    """
    region = region or whole(size_hw)
    pending = deque(split(region, tile_px, multiple=multiple))
    done, total = 0, region.height * region.width
    while pending:
        tile = pending.popleft()
        parts = split(tile, tile_px, multiple=multiple)
        if len(parts) > 1:
            pending.extendleft(reversed(parts))
        elif _fits(work, tile):
            done += tile.height * tile.width
            on_progress(done / total)
        else:
            tile_px = _smaller(tile, multiple)
            on_warning(f"not enough memory; going on with tiles of {tile_px} px")
            pending.appendleft(tile)


def _fits(work: Callable[[Box], object], tile: Box) -> bool:
    """Do the work; False if the memory did not suffice."""
    try:
        work(tile)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    # After the except block, so that the traceback no longer holds the failed attempt's tensors.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def _smaller(tile: Box, multiple: int) -> int:
    smaller = max(tile.height, tile.width) // 2
    if smaller < max(SMALLEST_TILE_PX, multiple):
        raise OptionError(
            f"not enough memory even for a tile of {tile.width} x {tile.height} px; close other "
            "programs, or choose another device"
        )
    return smaller
