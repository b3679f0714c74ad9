"""Luma and chrominance; what is filled in under transparency."""

import pytest
import torch
from skimage.color import rgb2ycbcr

from impasto.errors import OptionError
from impasto.media import keep_colors, luma
from impasto.media.colors import fill_hidden


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 13, 17, generator=generator), torch.rand(
        2, 3, 13, 17, generator=generator
    )


def ycbcr(pixels: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) -> Y, Cb, Cr by scikit-image, (N, 3, H, W), in its 16 to 240 range."""
    return torch.from_numpy(rgb2ycbcr(pixels.double().numpy(), channel_axis=1))


def test_luma_is_the_weighted_sum_of_bt_601() -> None:
    colors = torch.eye(3).view(3, 3, 1, 1)
    assert luma(colors).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_luminance_is_the_outputs_everywhere(pair) -> None:
    output, image = pair
    kept = keep_colors(output, image)
    assert torch.allclose(luma(kept), luma(output), atol=1e-6)
    assert kept.min() >= 0
    assert kept.max() <= 1


def test_chrominance_is_the_photos_where_it_fits(pair) -> None:
    output, image = (0.4 + 0.2 * tensor for tensor in pair)  # mid tones: nothing out of gamut
    found, wanted = ycbcr(keep_colors(output, image)), ycbcr(image)
    assert torch.allclose(found[:, 1:], wanted[:, 1:], atol=1e-3)
    assert torch.allclose(found[:, :1], ycbcr(output)[:, :1], atol=1e-3)


def test_out_of_gamut_colors_lose_saturation_and_not_hue() -> None:
    output = torch.full((1, 3, 1, 1), 0.9)
    image = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    chroma = keep_colors(output, image) - 0.9
    # Red differs from its luma by (0.701, -0.299, -0.299); 0.1 of room is left above.
    assert chroma.flatten().tolist() == pytest.approx([0.1, -0.0427, -0.0427], abs=1e-4)


def test_a_gray_photo_gives_a_gray_result(pair) -> None:
    output, image = pair
    gray = luma(image).expand(-1, 3, -1, -1)
    kept = keep_colors(output, gray)
    assert torch.allclose(kept, luma(output).expand_as(kept), atol=1e-6)


def test_an_image_under_its_own_luma_is_itself(pair) -> None:
    assert torch.allclose(keep_colors(pair[1], pair[1]), pair[1], atol=1e-6)


def test_arguments_are_not_changed(pair) -> None:
    copies = [tensor.clone() for tensor in pair]
    keep_colors(*pair)
    assert all(torch.equal(a, b) for a, b in zip(pair, copies, strict=True))


def test_images_of_different_sizes_are_refused() -> None:
    with pytest.raises(OptionError, match="resize"):
        keep_colors(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 5))


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
