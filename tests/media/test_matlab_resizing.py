"""MATLAB's resizing against hand-computed weights, Pillow where both agree, and its symmetries."""

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import OptionError
from impasto.media import imresize
from impasto.media.resizing import resampling


def test_halving_a_line_mixes_eight_samples_with_keys_weights() -> None:
    """Distances 0.25, 0.75, 1.25 and 1.75 of the kernel stretched to twice its width."""
    keys = [0.8671875, 0.2265625, -0.0703125, -0.0234375]  # W(.25), W(.75), W(1.25), W(1.75)
    indices, weights = resampling(12, 6, "bicubic")
    middle = dict(zip(indices[2].tolist(), weights[2].tolist(), strict=True))
    wanted = {4: keys[0], 5: keys[0], 3: keys[1], 6: keys[1], 2: keys[2], 7: keys[2]}
    wanted |= {1: keys[3], 8: keys[3]}
    for place, weight in wanted.items():
        assert middle[place] == pytest.approx(weight / 2, abs=1e-12)


def test_borders_are_mirrored_with_the_edge_repeated() -> None:
    line = torch.tensor([[[[1.0, 2.0, 4.0, 8.0]]]], dtype=torch.float64)
    mirrored = torch.cat([line.flip(-1), line, line.flip(-1)], dim=-1)
    wanted = imresize(mirrored, (1, 24))[..., 8:16]
    assert torch.allclose(imresize(line, (1, 8)), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "filter_"),
    [
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
    ],
)
@pytest.mark.parametrize("size_hw", [(20, 15), (45, 60), (120, 180)])
def test_away_from_the_border_it_is_pillows(
    kernel: str, filter_: Image.Resampling, size_hw: tuple[int, int]
) -> None:
    samples = np.random.default_rng(1).random((60, 90), np.float32)
    resized = Image.fromarray(samples).resize((size_hw[1], size_hw[0]), filter_)
    found = imresize(torch.from_numpy(samples)[None, None], size_hw, kernel=kernel)[0, 0].numpy()
    edge = [side // 5 + 1 for side in size_hw]
    inside = np.s_[edge[0] : -edge[0], edge[1] : -edge[1]]
    # Pillow cuts the kernel of an even reduction off by a sample: its weights differ a little
    assert np.abs(found - np.asarray(resized))[inside].max() < 1e-5


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size_hw", [(1, 1), (3, 50), (17, 5), (31, 31)])
def test_flat_stays_flat_and_mirroring_commutes(kernel: str, size_hw: tuple[int, int]) -> None:
    flat = torch.full((1, 2, 13, 11), 0.7, dtype=torch.float64)
    assert torch.allclose(imresize(flat, size_hw, kernel=kernel), flat.new_tensor(0.7), atol=1e-12)
    image = torch.rand(1, 3, 13, 11, dtype=torch.float64)
    assert torch.allclose(
        imresize(image.flip(-1), size_hw, kernel=kernel),
        imresize(image, size_hw, kernel=kernel).flip(-1),
        atol=1e-12,
    )


def test_the_same_size_changes_nothing_and_the_argument_is_left_alone() -> None:
    image = torch.rand(1, 3, 7, 9)
    before = image.clone()
    assert torch.equal(imresize(image, (7, 9)), before)
    imresize(image, (3, 20))
    assert torch.equal(image, before)


def test_nonsense_is_refused() -> None:
    image = torch.rand(1, 3, 4, 4)
    with pytest.raises(OptionError, match="nearest"):
        imresize(image, (2, 2), kernel="nearest")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="at least 1 x 1"):
        imresize(image, (0, 2))
