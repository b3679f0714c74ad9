"""Blur and reduction against SciPy; luma against Pillow; and what every degradation promises."""

import math
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from impasto.data import degradations
from impasto.data.degradations import (
    DEGRADATIONS,
    RESTORATIONS,
    Blur,
    Degradation,
    Gray,
    Standard,
    find_degradation,
    find_restoration,
    gaussian_blur,
    to_8_bits,
)
from impasto.data.degradations.blur import kernel_radius, oblong_blur, oblong_kernel
from impasto.errors import OptionError

EVERY = [find_degradation(name) for name in DEGRADATIONS]
EVERY += [find_restoration(name) for name in RESTORATIONS]


def test_every_degradation_has_its_name_in_the_list_that_needs_no_torch() -> None:
    assert set(degradations._DEGRADATIONS) == set(DEGRADATIONS)
    assert set(degradations._RESTORATIONS) == set(RESTORATIONS)


def _pixels(height: int = 24, width: int = 36, count: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.rand(count, 3, height, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_gaussian_blur_is_scipys(sigma: float) -> None:
    pixels = _pixels(9, 31)
    expected = gaussian_filter(pixels.numpy(), (0, 0, sigma, sigma), mode="reflect", truncate=4.0)
    torch.testing.assert_close(gaussian_blur(pixels, sigma), torch.from_numpy(expected))


def test_blur_reaching_far_beyond_a_small_picture_is_scipys() -> None:
    pixels = _pixels(3, 2)
    expected = gaussian_filter(pixels.numpy(), (0, 0, 5, 5), mode="reflect", truncate=4.0)
    torch.testing.assert_close(gaussian_blur(pixels, 5.0), torch.from_numpy(expected))


def test_no_blur_changes_nothing() -> None:
    pixels = _pixels()
    assert torch.equal(gaussian_blur(pixels, 0.0), pixels)


def test_oblong_blur_is_scipys_convolution_with_its_kernel() -> None:
    pixels = _pixels(17, 20)
    kernel = oblong_kernel(2.0, 0.7, 0.6, kernel_radius(2.0)).numpy()
    expected = np.stack([convolve(plane, kernel, mode="reflect") for plane in pixels[0].numpy()])
    torch.testing.assert_close(oblong_blur(pixels, 2.0, 0.7, 0.6)[0], torch.from_numpy(expected))


def test_an_oblong_kernel_has_the_variances_and_direction_asked_for() -> None:
    kernel = oblong_kernel(3.0, 1.5, math.radians(30), 20)
    distance = torch.arange(-20, 21, dtype=torch.float64)
    xx = float((kernel.sum(0) * distance**2).sum())
    yy = float((kernel.sum(1) * distance**2).sum())
    xy = float((kernel * distance[:, None] * distance).sum())
    # the covariance of a Gaussian turned by 30 degrees
    assert xx == pytest.approx(9 * 0.75 + 2.25 * 0.25, rel=1e-3)
    assert yy == pytest.approx(9 * 0.25 + 2.25 * 0.75, rel=1e-3)
    assert xy == pytest.approx((9 - 2.25) * math.sqrt(3) / 4, rel=1e-3)


def test_standard_on_a_ramp_gives_the_block_means() -> None:
    """Away from the borders a symmetric filter keeps a straight line."""
    ramp = (torch.arange(64, dtype=torch.float64) / 255).expand(1, 3, 4, 64)
    low_res = Standard()(ramp, 4) * 255
    # the mean of 4 k ... 4 k + 3 is 4 k + 1.5, a tie of rounding
    assert torch.all((low_res[0, 0, 0, 2:-2] - (torch.arange(2, 14) * 4 + 1.5)).abs() <= 0.5 + 1e-9)


def test_blur_is_the_gaussian_and_then_standard() -> None:
    pixels = _pixels()
    blurred = torch.from_numpy(gaussian_filter(pixels.numpy(), (0, 0, 1, 1)))
    assert torch.equal(Blur()(pixels, 3), Standard()(blurred, 3))


def test_gray_is_pillows_luma_three_times() -> None:
    samples = (_pixels(8, 8)[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    expected = np.asarray(Image.fromarray(samples.numpy()).convert("L")).astype(int)
    gray = Gray()(samples.permute(2, 0, 1)[None] / 255, 1) * 255
    assert torch.equal(gray[:, 0], gray[:, 1])
    assert torch.equal(gray[:, 0], gray[:, 2])
    assert (
        np.abs(gray[0, 0].round().numpy().astype(int) - expected).max() <= 1
    )  # his is in integers


def test_to_8_bits_clamps_and_rounds() -> None:
    values = torch.tensor([-0.3, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.7])
    assert (to_8_bits(values) * 255).tolist() == pytest.approx([0, 0, 0, 1, 255, 255])


@pytest.mark.parametrize("degradation", EVERY, ids=lambda d: f"{d.name} {d.random}")
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_every_degradation_keeps_its_promise(degradation: Degradation, factor: int) -> None:
    pixels = _pixels(count=2)
    before = pixels.clone()
    made = degradation(pixels, factor, Random(3))
    assert torch.equal(pixels, before)
    assert made.shape == (2, degradation.channels, 24 // factor, 36 // factor)
    assert made.dtype == torch.float64
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    picture = made[:, :3]
    if degradation.channels == 4:
        known = (made[:, 3:] == 0).expand_as(picture)
        picture = picture[known]
    torch.testing.assert_close(picture * 255, (picture * 255).round())  # whole 8-bit levels
    assert torch.equal(made, degradation(pixels, factor, Random(3)))
    single = degradation(pixels.float(), factor, Random(3))
    assert single.dtype == torch.float32
    # rounding to 8 bits may fall to either side, and JPEG's encoder then goes another way
    assert float((single - made).abs().mean()) < 1 / 255
    assert degradation.random != torch.equal(made, degradation(pixels, factor, Random(4)))


@pytest.mark.parametrize("degradation", EVERY, ids=lambda d: f"{d.name} {d.random}")
def test_sizes_that_are_no_multiple_of_the_factor_are_refused(degradation: Degradation) -> None:
    with pytest.raises(OptionError, match="multiples of the factor"):
        degradation(_pixels(24, 35), 2)


@pytest.mark.parametrize("degradation", [d for d in EVERY if d.random], ids=lambda d: d.name)
def test_pictures_of_a_batch_have_draws_of_their_own(degradation: Degradation) -> None:
    twice = _pixels().repeat(2, 1, 1, 1)
    first, second = degradation(twice, 1, Random(1))
    assert not torch.equal(first, second)
    assert not torch.equal(degradation(twice, 1), degradation(twice, 1))  # without a chance: new


def test_bytes_and_single_pictures_are_refused() -> None:
    with pytest.raises(OptionError, match="uint8"):
        Standard()(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 2)
    with pytest.raises(OptionError, match=r"\(N, 3, H, W\)"):
        Standard()(torch.zeros(3, 8, 8), 2)


def test_names_and_options_that_are_not_there_are_named() -> None:
    with pytest.raises(OptionError, match=r"'rain'; choose from \['standard', 'blur', 'photo'\]"):
        find_degradation("rain")
    with pytest.raises(OptionError, match=r"'standard'; choose from .*'holes'"):
        find_restoration("standard")
    with pytest.raises(OptionError, match=r"no options \['sigma'\]; it has \['quality'\]"):
        find_restoration("jpeg", sigma=(1, 2))
    assert find_restoration("noise", sigma=(3, 4)) == find_restoration("noise", sigma=(3, 4))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("noise", {"sigma": (9.0, 3.0)}),
        ("noise", {"sigma": (-1.0, 3.0)}),
        ("jpeg", {"quality": (0, 50)}),
        ("jpeg", {"quality": (10.5, 50.5)}),
        ("blur", {"sigma_px": (0.0, float("nan"))}),
        ("holes", {"area": (0.1, 1.0)}),
    ],
)
def test_ranges_that_cannot_be_are_refused(name: str, options: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        find_restoration(name, **options)
    with pytest.raises(OptionError, match="jpeg_share"):
        find_degradation("photo", jpeg_share=1.5)
