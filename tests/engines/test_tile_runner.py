"""When the memory does not suffice, tiles become smaller; nothing is left out or done twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from impasto.engines.tile_runner import Tiles
from impasto.engines.tiles import Box, whole
from impasto.errors import OptionError
from impasto.events import Cancelled, CancelToken

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    MemoryError(),
]


def run_tiles(area: Box, work: Callable[[Box], object], **options: Any) -> None:
    tiles = Tiles(area, **options)
    for tile in tiles:
        with tiles.tried(tile):
            work(tile)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error)[:20])
@pytest.mark.parametrize("multiple", [1, 4])
def test_tiles_shrink_until_they_fit_and_cover_the_picture_once(
    error: Exception, multiple: int
) -> None:
    done = np.zeros((150, 230), int)
    tried: list[int] = []
    notes: list[str] = []
    shares: list[float] = []

    def work(tile: Box) -> None:
        tried.append(tile.height * tile.width)
        if tried[-1] > 40 * 40:
            raise error
        done[tile.top : tile.bottom, tile.left : tile.right] += 1

    run_tiles(
        whole((150, 230)),
        work,
        tile_px=128,
        multiple=multiple,
        on_warning=notes.append,
        on_progress=shares.append,
    )
    assert (done == 1).all()
    too_large = [pixels > 40 * 40 for pixels in tried]
    # What did not fit is not tried again: each failure halves the side, for all that follow.
    assert 1 <= sum(too_large) <= 3
    assert not any(too_large[sum(too_large) :])
    assert len(notes) == sum(too_large)
    assert all("not enough memory" in note for note in notes)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_machine_that_has_no_memory_at_all_is_told() -> None:
    def work(_: Box) -> None:
        raise MemoryError

    with pytest.raises(OptionError, match="even for a tile of"):
        run_tiles(whole((100, 100)), work, tile_px=64)


def test_other_errors_pass_through() -> None:
    def work(_: Box) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        run_tiles(whole((10, 10)), work, tile_px=5)


def test_cancelling_stops_before_the_next_tile() -> None:
    token, done = CancelToken(), []

    def work(tile: Box) -> None:
        done.append(tile)
        if len(done) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        run_tiles(whole((64, 64)), work, tile_px=16, cancel=token)
    assert len(done) == 3
