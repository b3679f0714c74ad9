"""Hidden colours: gone before the network sees them, and nothing else changed."""

import pytest
import torch

from impasto.media.colors import fill_hidden


def test_opaque_pictures_are_returned_as_they_are() -> None:
    pixels = torch.rand(1, 3, 5, 7)
    assert fill_hidden(pixels, torch.ones(1, 1, 5, 7)) is pixels


@pytest.mark.parametrize("size_hw", [(1, 2), (16, 16), (33, 7), (5, 50)])
def test_hidden_pixels_take_the_colour_of_the_visible(size_hw: tuple[int, int]) -> None:
    visible = torch.tensor([0.8, 0.3, 0.1]).view(1, 3, 1, 1)
    alpha = torch.zeros(1, 1, *size_hw)
    alpha[..., 0] = 1
    pixels = torch.where(alpha > 0, visible, torch.rand(1, 3, *size_hw))
    torch.testing.assert_close(fill_hidden(pixels, alpha), visible.expand(1, 3, *size_hw))


def test_visible_and_half_visible_pixels_keep_their_exact_colours() -> None:
    pixels, alpha = torch.rand(1, 3, 20, 21), torch.rand(1, 1, 20, 21)
    alpha[..., 5:9, :] = 0
    filled = fill_hidden(pixels, alpha)
    kept = (alpha >= 1 / 16).expand_as(pixels)
    assert torch.equal(filled[kept], pixels[kept])


def test_what_is_hidden_has_no_influence_at_all() -> None:
    alpha = torch.zeros(1, 1, 20, 20)
    alpha[..., 4:12, 6:15] = 1
    picture = torch.rand(1, 3, 20, 20)
    on_black, on_white = picture * alpha, picture * alpha + (1 - alpha)
    assert torch.equal(fill_hidden(on_black, alpha), fill_hidden(on_white, alpha))


def test_a_fully_transparent_picture_becomes_mid_grey() -> None:
    filled = fill_hidden(torch.rand(1, 3, 9, 4), torch.zeros(1, 1, 9, 4))
    assert torch.equal(filled, torch.full((1, 3, 9, 4), 0.5))


def test_filled_colours_lie_within_the_visible_ones() -> None:
    alpha = (torch.rand(1, 1, 30, 30) > 0.9).float()
    pixels = torch.rand(1, 3, 30, 30) * 0.5 + 0.2
    filled = fill_hidden(torch.where(alpha > 0, pixels, 1.0), alpha)
    assert filled.min() >= 0.2 - 1e-6
    assert filled.max() <= 0.7 + 1e-6
