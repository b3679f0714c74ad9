"""Resizing agrees with Pillow's antialiased bicubic."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import OptionError
from impasto.media import resize, resize_long_side, resize_short_side

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
    ("size", "px", "long", "short"),
    [
        ((30, 60), 20, (10, 20), (20, 40)),
        ((60, 30), 20, (20, 10), (40, 20)),
        ((5, 5), 15, (15, 15), (15, 15)),
        ((1, 300), 30, (1, 30), (30, 9000)),
    ],
)
def test_one_side_is_set_and_the_aspect_kept(size, px, long, short) -> None:
    pixels = torch.rand(1, 3, *size)
    assert tuple(resize_long_side(pixels, px).shape[2:]) == long
    assert tuple(resize_short_side(pixels, px).shape[2:]) == short


def test_sizes_below_one_are_refused() -> None:
    pixels = torch.rand(1, 3, 4, 4)
    with pytest.raises(OptionError, match="0 x 5"):
        resize(pixels, (0, 5))
    with pytest.raises(OptionError, match="-2 px"):
        resize_long_side(pixels, -2)
    with pytest.raises(OptionError, match="0 px"):
        resize_short_side(pixels, 0)
