"""Photos in other colours, against scikit-image's YIQ and cases that can be computed by hand."""

import random

import numpy as np
import pytest
import torch
from skimage.color import rgb2yiq
from torch import Tensor

from impasto.data.photos import jitter_colors


class _Drawn(random.Random):
    """Answers with what it was given: first whether (0 to 1), then the uniform draws in order."""

    def __init__(self, *draws: float) -> None:
        super().__init__()
        self.draws = list(draws)

    def random(self) -> float:
        return 0.9

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return self.draws.pop(0)


@pytest.fixture
def photo() -> Tensor:
    return torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.25


def test_nothing_is_changed_by_strength_0_and_in_half_of_the_calls(photo: Tensor) -> None:
    chance = random.Random(3)
    assert jitter_colors(photo, 0.0, chance) is photo
    same = sum(jitter_colors(photo, 0.5, chance) is photo for _ in range(400))
    assert 160 < same < 240


def test_draws_of_nothing_give_the_photo_back(photo: Tensor) -> None:
    torch.testing.assert_close(jitter_colors(photo, 0.5, _Drawn(0, 0, 0, 0)), photo)


def test_a_turn_of_the_hue_is_one_in_yiq(photo: Tensor) -> None:
    """By a quarter: I to Q and Q to -I, the luma as it was (scikit-image's conversion)."""
    photo = photo * 0.2 + 0.4  # so that nothing is clipped
    before, after = (
        rgb2yiq(pixels.double().permute(0, 2, 3, 1).numpy())
        for pixels in (photo, jitter_colors(photo, 0.5, _Drawn(0, 0, 0, 0.5)))
    )
    wanted = np.stack([before[..., 0], -before[..., 2], before[..., 1]], axis=-1)
    np.testing.assert_allclose(after, wanted, atol=1e-5)


def test_gamma_contrast_and_saturation_by_hand() -> None:
    two = torch.tensor([0.25, 0.75]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    log2 = float(np.log(2))
    darker = jitter_colors(two, 1.0, _Drawn(log2, 0, 0, 0))
    torch.testing.assert_close(darker, two**2)
    flatter = jitter_colors(two, 1.0, _Drawn(0, -log2, 0, 0))
    torch.testing.assert_close(flatter, torch.tensor([0.375, 0.625]).expand(1, 3, 1, 2))
    red = torch.tensor([0.6, 0.4, 0.4]).reshape(1, 3, 1, 1)
    luma = 0.299 * 0.6 + 0.701 * 0.4
    paler = jitter_colors(red, 1.0, _Drawn(0, 0, -log2, 0))
    torch.testing.assert_close(paler, (red + luma) / 2)


def test_the_range_is_kept_and_the_draw_is_the_generators(photo: Tensor) -> None:
    found = [jitter_colors(photo, 1.0, random.Random(seed)) for seed in range(30)]
    for pixels in found:
        assert pixels.shape == photo.shape
        assert pixels.dtype == photo.dtype
        assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 1
    assert torch.equal(found[4], jitter_colors(photo, 1.0, random.Random(4)))
    assert any(not torch.equal(pixels, photo) for pixels in found)
