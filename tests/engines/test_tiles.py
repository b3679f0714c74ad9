"""The geometry of tiles: they cover a picture once, and see what they must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.engines.tiles import Box, grown, split, whole

SIDES = st.integers(1, 60)


@given(height=SIDES, width=SIDES, tile_px=SIDES, multiple=st.sampled_from([1, 2, 4]))
def test_tiles_cover_every_pixel_once_and_start_at_multiples(
    height: int, width: int, tile_px: int, multiple: int
) -> None:
    seen = np.zeros((height, width), int)
    for tile in split(whole((height, width)), tile_px, multiple=multiple):
        seen[tile.top : tile.bottom, tile.left : tile.right] += 1
        assert max(tile.height, tile.width) <= max(tile_px, multiple)
        assert tile.top % multiple == tile.left % multiple == 0
    assert (seen == 1).all()


@given(
    size_hw=st.tuples(SIDES, SIDES),
    tile_px=SIDES,
    radius_px=st.integers(0, 20),
    multiple=st.sampled_from([1, 2, 4]),
)
def test_a_window_holds_the_radius_and_ends_where_the_picture_ends(
    size_hw: tuple[int, int], tile_px: int, radius_px: int, multiple: int
) -> None:
    height, width = size_hw
    for tile in split(whole(size_hw), tile_px, multiple=multiple):
        window = grown(tile, radius_px, size_hw, multiple=multiple)
        assert 0 <= window.top <= max(0, tile.top - radius_px)
        assert 0 <= window.left <= max(0, tile.left - radius_px)
        assert min(height, tile.bottom + radius_px) <= window.bottom <= height
        assert min(width, tile.right + radius_px) <= window.right <= width
        assert window.top % multiple == window.left % multiple == 0
        assert window.bottom % multiple == 0 or window.bottom == height
        assert window.right % multiple == 0 or window.right == width


@pytest.mark.parametrize(("side", "tile_px", "sides"), [(100, 99, [50, 50]), (10, 4, [4, 4, 2])])
def test_tiles_are_of_nearly_equal_size(side: int, tile_px: int, sides: list[int]) -> None:
    assert [tile.height for tile in split(whole((side, 1)), tile_px)] == sides


def test_a_part_of_a_box_is_split_where_it_lies() -> None:
    box = Box(top=4, bottom=8, left=10, right=12)
    assert split(box, 2) == [
        Box(top=4, bottom=6, left=10, right=12),
        Box(top=6, bottom=8, left=10, right=12),
    ]


def test_scaling_and_counting_from_a_corner() -> None:
    tile = Box(top=2, bottom=3, left=5, right=7)
    window = Box(top=1, bottom=4, left=3, right=9)
    assert tile.within(window) == Box(top=1, bottom=2, left=2, right=4)
    assert tile.scaled(3) == Box(top=6, bottom=9, left=15, right=21)
