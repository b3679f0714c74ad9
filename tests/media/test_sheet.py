"""Contact sheets: where each image lies, and what is white."""

import pytest
import torch

from impasto.errors import OptionError
from impasto.media import contact_sheet


def plain(height: int, width: int, value: float) -> torch.Tensor:
    return torch.full((1, 3, height, width), value)


def test_cells_lie_in_a_grid_with_gaps() -> None:
    rows = [[plain(10, 20, 0.1), plain(10, 30, 0.2)], [plain(6, 20, 0.3), plain(6, 30, 0.4)]]
    sheet = contact_sheet(rows, gap_px=2)
    assert sheet.shape == (1, 3, 2 + 10 + 2 + 6 + 2, 2 + 20 + 2 + 30 + 2)
    for top, left, height, width, value in [
        (2, 2, 10, 20, 0.1),
        (2, 24, 10, 30, 0.2),
        (14, 2, 6, 20, 0.3),
        (14, 24, 6, 30, 0.4),
    ]:
        area = sheet[..., top : top + height, left : left + width]
        assert torch.equal(area, torch.full_like(area, value))
        sheet[..., top : top + height, left : left + width] = 1
    assert (sheet == 1).all()


def test_smaller_cells_sit_in_the_middle() -> None:
    sheet = contact_sheet([[plain(10, 10, 0.0)], [plain(4, 6, 0.0)]], gap_px=1)
    black = (sheet[0, 0] == 0).nonzero()
    second = black[black[:, 0] > 11]
    assert second.amin(0).tolist() == [12, 3]
    assert second.amax(0).tolist() == [15, 8]


def test_rows_may_differ_in_length() -> None:
    assert contact_sheet([[plain(3, 3, 0)] * 3, [plain(3, 3, 0)]], gap_px=0).shape == (1, 3, 6, 9)


def test_without_gaps_a_single_image_is_the_sheet() -> None:
    image = torch.rand(1, 3, 5, 4)
    assert torch.equal(contact_sheet([[image]], gap_px=0), image)


def test_a_label_for_each_image_is_drawn_above_it() -> None:
    rows = [[plain(20, 80, 1.0)] * 2] * 3
    bare, sheet = contact_sheet(rows), contact_sheet(rows, labels=["photo", "painted", *"cdef"])
    extra = (sheet.shape[2] - bare.shape[2]) // 3
    assert extra > 0
    ink = (sheet[0, 0] < 0.5).nonzero()
    for row in range(3):
        top = 8 + row * (extra + 20 + 8)
        own = ink[(ink[:, 0] >= top) & (ink[:, 0] < top + extra)]
        assert own[:, 1].min() < 88
        assert own[:, 1].max() > 96
        ink = ink[ink[:, 0] >= top + extra]
    assert not len(ink)


def test_long_labels_are_cut_to_their_column() -> None:
    sheet = contact_sheet([[plain(9, 60, 1.0), plain(9, 60, 1.0)]], labels=["W" * 99, ""])
    assert (sheet[..., 68:] == 1).all()
    assert (sheet[..., :68] < 0.5).any()


def test_accents_are_drawn_as_plain_letters() -> None:
    rows = [[plain(9, 99, 1.0)]]
    assert torch.equal(contact_sheet(rows, labels=["Žofré"]), contact_sheet(rows, labels=["Zofre"]))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(OptionError, match="no images"):
        contact_sheet([[]])
    with pytest.raises(OptionError, match=r"\(3, 4, 4\)"):
        contact_sheet([[torch.rand(3, 4, 4)]])
    with pytest.raises(OptionError, match="3 labels; give 4"):
        contact_sheet([[plain(2, 2, 0)] * 2] * 2, labels=["a", "b", "c"])
