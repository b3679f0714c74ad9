"""The small pictures that results keep."""

from pathlib import Path

import pytest
import torch

from impasto.errors import OptionError
from impasto.evaluation.protocols import find_protocol
from impasto.evaluation.record import file_stem, is_kept, keep_picture
from impasto.evaluation.subjects import (
    CROP_PX,
    Box,
    choose_box,
    chosen_images,
)
from impasto.media import read_picture


def test_the_crop_lies_where_bicubic_loses_most() -> None:
    high_res = torch.full((1, 3, 240, 320), 0.5)
    high_res[..., 120:136, 200:216] = torch.rand(1, 3, 16, 16)  # the only detail
    box = choose_box(high_res, find_protocol("standard").low_res(high_res, 4), 4)
    assert (box.height, box.width) == (CROP_PX, CROP_PX)
    assert box.top <= 120
    assert box.top + CROP_PX >= 136
    assert box.left <= 200
    assert box.left + CROP_PX >= 216
    assert box.top % 4 == box.left % 4 == 0


def test_a_small_picture_is_taken_whole() -> None:
    high_res = torch.rand(1, 3, 40, 120)
    box = choose_box(high_res, find_protocol("standard").low_res(high_res, 8), 8)
    assert (box.top, box.height, box.width) == (0, 40, CROP_PX)


def test_a_box_of_the_low_resolution_is_the_same_part() -> None:
    low_res = torch.arange(100.0).reshape(1, 1, 10, 10)
    high_res = low_res.repeat_interleave(4, -1).repeat_interleave(4, -2)
    box = Box(top=8, left=12, height=16, width=20)
    small = box.divided(4).cut(low_res)
    assert torch.equal(small.repeat_interleave(4, -1).repeat_interleave(4, -2), box.cut(high_res))


def test_chosen_images_are_spread_from_first_to_last() -> None:
    assert chosen_images(100, 3) == [0, 50, 99]
    assert chosen_images(5, 5) == chosen_images(5, 9) == [0, 1, 2, 3, 4]
    assert chosen_images(5, 1) == [0]
    assert chosen_images(5, 0) == chosen_images(0, 3) == []


def test_kept_pictures_are_exact_and_their_loss_is_noticed(tmp_path: Path) -> None:
    pixels = (torch.rand(1, 3, 8, 9) * 255).round() / 255
    path = tmp_path / "crops" / "a.png"
    kept = keep_picture(path, pixels, tmp_path)
    assert kept["file"] == "crops/a.png"
    assert torch.equal(read_picture(path).pixels, pixels)
    assert is_kept(kept, tmp_path)
    keep_picture(path, 1 - pixels, tmp_path)
    assert not is_kept(kept, tmp_path)
    path.unlink()
    assert not is_kept(kept, tmp_path)
    assert not is_kept(None, tmp_path)


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "crops").write_text("a file")
    with pytest.raises(OptionError, match="cannot be written"):
        keep_picture(tmp_path / "crops" / "a.png", torch.zeros(1, 3, 8, 8), tmp_path)


def test_file_names_are_safe_and_no_two_things_share_one() -> None:
    names = [("s", "a/b", "m"), ("s", "a b", "m"), ("s", "a-b", "m"), ("s", "../../x", "m")]
    stems = [file_stem(*name) for name in names]
    assert len(set(stems)) == len(stems)
    assert stems[2] == "s-a-b-m"
    assert not any("/" in stem or stem.startswith(".") for stem in stems)
