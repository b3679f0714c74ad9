"""Strips against the network's own forward pass."""

import pytest
import torch
from torch import Tensor, nn

from impasto.inference.strips import stylize_in_strips
from impasto.models import StyleModel
from impasto.networks import ModernStyleNetwork


def plain(model: StyleModel, image: Tensor) -> Tensor:
    with torch.no_grad():
        return model.network(image)


def in_strips(
    model: StyleModel,
    image: Tensor,
    *,
    rows: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    assert isinstance(model.network, ModernStyleNetwork)
    return stylize_in_strips(model.network, image, strip_rows=rows, dtype=dtype)


def picture(height: int, width: int, count: int = 1) -> Tensor:
    """Noise whose brightness differs from top to bottom, so that statistics of strips differ."""
    noise = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))
    return noise * torch.linspace(0.2, 1, height).view(1, 1, -1, 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("size_hw", [(64, 64), (61, 50), (18, 127), (130, 9), (5, 3)])
def test_strips_equal_the_plain_forward(
    model: StyleModel, rows: int, size_hw: tuple[int, int]
) -> None:
    image = picture(*size_hw)
    torch.testing.assert_close(
        in_strips(model, image, rows=rows), plain(model, image), rtol=0, atol=1e-4
    )


def test_one_pixel_is_painted_in_strips_too(model: StyleModel) -> None:
    image = torch.tensor([0.9, 0.4, 0.1]).view(1, 3, 1, 1)
    output = in_strips(model, image)
    assert output.shape == (1, 3, 1, 1)
    assert torch.isfinite(output).all()


def test_strips_differ_from_tiles_painted_one_by_one(model: StyleModel) -> None:
    image = picture(64, 64)
    tiles = torch.cat([plain(model, image[:, :, :32]), plain(model, image[:, :, 32:])], dim=2)
    exact = in_strips(model, image, rows=4)
    # Far from the cut, where only the statistics can tell them apart.
    assert (tiles - exact)[:, :, :8].abs().mean() > 0.02


def test_each_image_of_a_batch_has_its_own_statistics(model: StyleModel) -> None:
    images = torch.cat([picture(24, 32), 1 - picture(24, 32) / 2])
    both = in_strips(model, images, rows=5)
    for index in range(2):
        one = in_strips(model, images[index : index + 1], rows=5)
        torch.testing.assert_close(both[index : index + 1], one, rtol=0, atol=0)


def test_the_image_is_left_as_it_was(model: StyleModel) -> None:
    image = picture(20, 20)
    before = image.clone()
    in_strips(model, image, rows=3)
    assert torch.equal(image, before)


def test_bfloat16_stays_within_a_few_levels_of_float32(model: StyleModel) -> None:
    image = picture(96, 96)
    error = in_strips(model, image, dtype=torch.bfloat16) - in_strips(model, image)
    assert error.square().mean().sqrt() < 1.5 / 255
    assert error.abs().max() > 0  # it was another computation


def test_a_flat_picture_stays_flat_in_bfloat16(model: StyleModel) -> None:
    output = in_strips(model, torch.full((1, 3, 64, 64), 0.7), dtype=torch.bfloat16, rows=5)
    assert output.std(dim=(2, 3)).max() < 1 / 255


def test_a_network_with_an_unknown_layer_is_an_error_not_a_wrong_picture() -> None:
    network = ModernStyleNetwork(0.25)
    network.layers.append(nn.Identity())
    with pytest.raises(TypeError, match="Identity"):
        stylize_in_strips(network, picture(16, 16))
