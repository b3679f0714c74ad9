"""Resizing: as Pillow does it, whole and a band at a time, and as MATLAB does it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import OptionError
from impasto.media import imresize, resize, resize_long_side
from impasto.media.resizing import resampled_rows, resampling

sides = st.integers(1, 40)


@settings(max_examples=40, deadline=None)
@given(height=sides, width=sides, new_height=sides, new_width=sides)
def test_resize_agrees_with_pillow(height, width, new_height, new_width) -> None:
    values = np.random.default_rng(0).random((height, width), dtype=np.float32)
    pixels = torch.from_numpy(values).expand(1, 3, -1, -1)
    reference = Image.fromarray(values).resize((new_width, new_height), Image.Resampling.BICUBIC)
    wanted = np.asarray(reference).clip(0, 1)
    found = resize(pixels, (new_height, new_width))
    assert found.shape == (1, 3, new_height, new_width)
    assert np.abs(found[0, 1].numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(3, 1), (1, 3), (1, 1)])
def test_results_one_pixel_wide_agree_with_pillow(channels, size) -> None:
    # torch's own interpolate gets (n, 1) wrong on the CPU.
    pixels = torch.rand(1, channels, 7, 5, generator=torch.Generator().manual_seed(0))
    for layout in (torch.contiguous_format, torch.channels_last):
        found = resize(pixels.contiguous(memory_format=layout), size)
        for channel in range(channels):
            plane = Image.fromarray(pixels[0, channel].numpy())
            wanted = np.asarray(plane.resize(size[::-1], Image.Resampling.BICUBIC)).clip(0, 1)
            assert np.abs(found[0, channel].numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_number_type_is_kept(dtype) -> None:
    pixels = torch.full((1, 3, 8, 8), 0.5, dtype=dtype)
    assert torch.allclose(resize(pixels, (5, 5)), torch.full((1, 3, 5, 5), 0.5, dtype=dtype))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("size", [(5, 7), (300, 200), (64, 1), (1, 1)])
def test_the_gpu_agrees_with_the_cpu(size) -> None:
    pixels = torch.rand(1, 3, 900, 700, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(resize(pixels.cuda(), size).cpu(), resize(pixels, size), atol=1e-4)


def test_the_same_size_gives_the_same_tensor_back() -> None:
    pixels = torch.rand(2, 3, 5, 7) * 3 - 1  # not even clamped
    assert resize(pixels, (5, 7)) is pixels


def test_the_result_stays_within_zero_and_one() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    large = resize(edge, (64, 64))
    assert (large.min(), large.max()) == (0, 1)


@pytest.mark.parametrize(
    ("size", "px", "wanted"),
    [
        ((30, 60), 20, (10, 20)),
        ((60, 30), 20, (20, 10)),
        ((5, 5), 15, (15, 15)),
        ((1, 300), 30, (1, 30)),
        ((1, 300), 9000, (30, 9000)),
    ],
)
def test_the_long_side_is_set_and_the_aspect_kept(size, px, wanted) -> None:
    assert tuple(resize_long_side(torch.rand(1, 3, *size), px).shape[2:]) == wanted


def test_sizes_below_one_are_refused() -> None:
    pixels = torch.rand(1, 3, 4, 4)
    with pytest.raises(OptionError, match="0 x 5"):
        resize(pixels, (0, 5))
    with pytest.raises(OptionError, match="-2 px"):
        resize_long_side(pixels, -2)
    with pytest.raises(OptionError, match="0 px"):
        resize_long_side(pixels, 0)


@pytest.mark.parametrize(
    ("size_hw", "wanted_hw"),
    [
        ((30, 40), (77, 103)),
        ((77, 103), (30, 40)),
        ((5, 300), (2, 90)),
        ((1, 1), (9, 7)),
        ((8, 8), (8, 8)),
        ((400, 3), (100, 1)),
    ],
)
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_bands_are_the_resized_picture(
    size_hw: tuple[int, int], wanted_hw: tuple[int, int], rows: int
) -> None:
    pixels = torch.rand(1, 3, *size_hw, generator=torch.Generator().manual_seed(0))
    bands = [
        resampled_rows(
            lambda start, stop: pixels[:, :, start:stop],
            size_hw,
            wanted_hw,
            top,
            min(top + rows, wanted_hw[0]),
        )
        for top in range(0, wanted_hw[0], rows)
    ]
    torch.testing.assert_close(torch.cat(bands, 2), resize(pixels, wanted_hw), rtol=0, atol=1e-5)


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
