"""PSNR and SSIM: by hand, beside scikit-image, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from impasto.errors import OptionError
from impasto.media import luma_bt601, psnr, ssim

REACH = 5  # of SSIM's window


def noisy_pair(
    seed: int, size_hw: tuple[int, int] = (40, 33), channels: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(1, channels, *size_hw, generator=generator, dtype=torch.float64) * 255
    noise = torch.randn(target.shape, generator=generator, dtype=torch.float64) * 20
    return (target + noise).clamp(0, 255), target


def skimage_ssim(output: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    """Wang's window, cropped to the places where it lies wholly inside."""
    _, full = structural_similarity(
        output,
        target,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(full[REACH:-REACH, REACH:-REACH].mean())


def test_luma_of_black_white_and_primaries_are_bt601s_table() -> None:
    colors = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).float()
    luma = luma_bt601(colors.reshape(5, 3, 1, 1)).flatten()
    assert luma.dtype == torch.float64
    expected = torch.tensor([16, 235, 81.481, 144.553, 40.966], dtype=torch.float64)
    assert torch.allclose(luma, expected, atol=1e-9)


def test_psnr_of_one_grey_level_everywhere_is_48_dot_13_db() -> None:
    target = torch.full((1, 3, 4, 4), 100.0)
    assert psnr(target + 1, target, data_range=255).item() == pytest.approx(20 * math.log10(255))


def test_psnr_is_the_same_in_either_range() -> None:
    output, target = noisy_pair(0)
    wide = psnr(output, target, data_range=255)
    assert torch.allclose(wide, psnr(output / 255, target / 255, data_range=1), atol=1e-9)


def test_psnr_of_equal_images_is_infinite_and_their_ssim_one() -> None:
    _, target = noisy_pair(1)
    assert psnr(target, target, data_range=255).item() == math.inf
    assert ssim(target, target, data_range=255).item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("size_hw", [(11, 11), (12, 30), (64, 47)])
def test_metrics_agree_with_scikit_image(size_hw: tuple[int, int]) -> None:
    output, target = noisy_pair(2, size_hw)
    arrays = output[0, 0].numpy(), target[0, 0].numpy()
    reference = peak_signal_noise_ratio(arrays[1], arrays[0], data_range=255)
    assert psnr(output, target, data_range=255).item() == pytest.approx(reference, abs=1e-9)
    similarity = ssim(output, target, data_range=255).item()
    assert similarity == pytest.approx(skimage_ssim(*arrays), abs=1e-9)


def test_ssim_of_colour_is_the_mean_over_channels() -> None:
    output, target = noisy_pair(3, channels=3)
    separate = [
        ssim(output[:, i : i + 1], target[:, i : i + 1], data_range=255).item() for i in range(3)
    ]
    assert ssim(output, target, data_range=255).item() == pytest.approx(sum(separate) / 3)


def test_ssim_of_two_flat_images_is_the_luminance_term() -> None:
    output, target = torch.full((1, 1, 16, 16), 100.0), torch.full((1, 1, 16, 16), 200.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 200 + c1) / (100**2 + 200**2 + c1)
    assert ssim(output, target, data_range=255).item() == pytest.approx(expected, abs=1e-9)


def test_each_image_of_a_batch_has_its_own_score() -> None:
    pairs = [noisy_pair(seed) for seed in (4, 5)]
    batch = [torch.cat(images) for images in zip(*pairs, strict=True)]
    for metric in (psnr, ssim):
        alone = [metric(*pair, data_range=255).item() for pair in pairs]
        assert metric(*batch, data_range=255).tolist() == pytest.approx(alone)
        assert alone[0] != alone[1]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_metrics_are_symmetric_and_ssim_stays_within_one(seed: int) -> None:
    output, target = noisy_pair(seed, (13, 12))
    for metric in (psnr, ssim):
        there, back = metric(output, target, data_range=255), metric(target, output, data_range=255)
        assert torch.allclose(there, back, atol=1e-9)
    assert abs(ssim(output, target, data_range=255).item()) <= 1


def test_single_precision_input_is_computed_in_double() -> None:
    target = torch.full((1, 1, 64, 64), 254.0)
    output = target.clone()
    output[..., 0, 0] = 253
    exact = 10 * math.log10(255**2 / (1 / 64**2))
    assert psnr(output, target, data_range=255).item() == pytest.approx(exact, abs=1e-10)


def test_arguments_are_not_changed() -> None:
    output, target = noisy_pair(6)
    before = output.clone(), target.clone()
    ssim(output, target, data_range=255)
    assert torch.equal(output, before[0])
    assert torch.equal(target, before[1])


GRAY, COLOR = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.5)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(
    ("output", "target", "data_range", "message"),
    [
        (COLOR + 0.6, COLOR, 1, r"outside the declared range \[0, 1\]"),
        (COLOR, COLOR - 0.6, 1, "outside the declared range"),
        (COLOR * 600, COLOR * 200, 255, "outside the declared range"),
        (COLOR * float("nan"), COLOR, 1, "output holds NaN"),
        (COLOR, COLOR * float("inf"), 1, "outside the declared range"),
        (GRAY, COLOR, 1, "the output is grey and the target colour"),
        (COLOR[..., 1:], COLOR, 1, "differ in size"),
        (COLOR, COLOR, 255, "all values of output lie in"),
        (COLOR * 200, COLOR, 255, "all values of target lie in"),
        (COLOR, COLOR, 0, "wanted a positive number"),
        (COLOR, COLOR, float("nan"), "wanted a positive number"),
        (COLOR[0], COLOR[0], 1, "wanted"),
        (COLOR[:, :, :0], COLOR[:, :, :0], 1, "not empty"),
    ],
)
def test_metrics_refuse_what_they_cannot_judge(
    metric: Any, output: torch.Tensor, target: torch.Tensor, data_range: float, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        metric(output, target, data_range=data_range)


def test_ssim_refuses_images_smaller_than_its_window() -> None:
    small = torch.full((1, 1, 10, 40), 0.5)
    with pytest.raises(OptionError, match="needs 11 px a side"):
        ssim(small, small, data_range=1)


def test_black_and_white_masks_in_0_to_255_are_not_mistaken_for_unit_range() -> None:
    target = torch.zeros(1, 1, 16, 16)
    target[..., ::2] = 1  # whole numbers: may well be two dark grey levels
    assert math.isfinite(psnr(1 - target, target, data_range=255).item())


@pytest.mark.parametrize("pixels", [torch.full((1, 1, 4, 4), 0.5), torch.full((1, 3, 4, 4), 128.0)])
def test_luma_refuses_grey_and_0_to_255(pixels: torch.Tensor) -> None:
    with pytest.raises(OptionError, match="luma_bt601"):
        luma_bt601(pixels)
