"""The edge loss: what a frame differs in from the picture without edges, and nothing farther in."""

import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import edge_loss


def test_a_tint_along_the_edges_costs_its_square() -> None:
    plain = torch.rand(2, 3, 64, 96)
    framed = plain.clone()
    framed[..., :16, :] += 0.1
    framed[..., -16:, :] += 0.1
    framed[..., 16:-16, :16] += 0.1
    framed[..., 16:-16, -16:] += 0.1
    assert float(edge_loss(framed, plain)) == pytest.approx(0.01, rel=1e-4)
    assert float(edge_loss(plain, plain)) == 0


def test_farther_in_everything_is_free() -> None:
    plain = torch.rand(1, 3, 64, 64)
    other = plain.clone()
    other[..., 16:-16, 16:-16] = 0
    assert float(edge_loss(other, plain)) == 0


def test_strokes_at_other_places_cost_little_and_a_tint_as_strong_much() -> None:
    chance = torch.Generator().manual_seed(0)
    plain = torch.zeros(4, 3, 128, 128)
    strokes = torch.randn(plain.shape, generator=chance) / 10
    assert float(edge_loss(strokes, plain)) == pytest.approx(0.01 / 64, rel=0.1)
    assert float(edge_loss(plain + 0.1, plain)) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (9, 40), (64, 67)])
def test_any_size_and_the_gradient(size: tuple[int, int]) -> None:
    chance = torch.Generator().manual_seed(1)
    output = torch.rand(1, 1, *size, generator=chance, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 1, *size, generator=chance, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: edge_loss(x, target), output, fast_mode=True)


def test_half_precision_is_summed_in_float32() -> None:
    image = torch.rand(1, 3, 32, 32).bfloat16()
    assert edge_loss(image, image * 0).dtype == torch.float32


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(OptionError, match="same shape"):
        edge_loss(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 40))
