"""Noise, JPEG, holes and worn photos: statistics, Pillow's own files, and known pictures."""

import io
import math
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats

from impasto.data.degradations import (
    Blur,
    Holes,
    Jpeg,
    Noise,
    Photo,
    PhotoRanges,
    Standard,
    hole_mask,
    jpeg_round_trip,
    sensor_noise,
    to_8_bits,
    with_holes,
)
from impasto.data.degradations.holes import AREA_BINS, draw_area


def _flat(value: float, side: int = 128) -> torch.Tensor:
    return torch.full((1, 3, side, side), value, dtype=torch.float64)


def _texture(height: int = 32, width: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return to_8_bits(torch.rand(1, 3, height, width, generator=generator))


def test_noise_is_gaussian_of_the_sigma_asked_for_and_its_channels_are_apart() -> None:
    noise = (Noise(sigma=(20, 20))(_flat(0.5), 1, Random(0)) - 0.5)[0] * 255
    assert float(noise.std()) == pytest.approx(20, rel=0.02)
    assert abs(float(noise.mean())) < 0.5
    assert stats.kstest(noise.flatten().numpy(), "norm", args=(0, 20)).statistic < 0.02
    assert np.abs(np.corrcoef(noise.reshape(3, -1).numpy()) - np.eye(3)).max() < 0.03


def test_sigmas_are_drawn_evenly_from_their_range() -> None:
    noise = Noise(sigma=(5, 50))
    drawn = [float(noise(_flat(0.5, 40), 1, Random(k)).std()) * 255 for k in range(200)]
    assert 4.5 < min(drawn) < 8
    # at 50, one value in a hundred lies beyond black or white and is cut off
    assert 44 < max(drawn) < 52
    assert stats.kstest(drawn, "uniform", args=(5, 45)).pvalue > 0.01


def test_sensor_noise_has_the_variance_of_a_camera() -> None:
    for brightness in (0.0, 0.25, 1.0):
        flat = _flat(brightness)
        noisy = sensor_noise(flat, Random(2), read_sigma=3.0, shot_sigma=4.0, gray=False)
        wanted = math.sqrt(3**2 + 4**2 * brightness)
        assert float((noisy - flat).std()) * 255 == pytest.approx(wanted, rel=0.02)


def test_gray_sensor_noise_has_no_colour() -> None:
    noisy = sensor_noise(_flat(0.4), Random(2), read_sigma=3.0, shot_sigma=4.0, gray=True)
    assert torch.equal(noisy[:, 0], noisy[:, 1])
    assert torch.equal(noisy[:, 0], noisy[:, 2])
    assert float(noisy.std()) > 0


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_a_jpeg_round_trip_is_pillows(subsampling: str) -> None:
    pixels = _texture(21, 30)
    array = (pixels[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=35, subsampling=subsampling)
    expected = np.array(Image.open(file))
    made = jpeg_round_trip(pixels, 35, subsampling=subsampling)
    assert np.array_equal((made[0].permute(1, 2, 0) * 255).round().numpy(), expected)


def test_blocks_of_a_cut_jpeg_begin_where_they_are_told_to() -> None:
    """At the lowest quality each 8 x 8 block of a soft picture is of one colour."""
    ramp = torch.linspace(0.2, 0.8, 40).expand(1, 1, 16, 40)
    made = jpeg_round_trip(ramp, 1, cut_px=(0, 3))
    steps = torch.nonzero(made[0, 0, 0, 1:] != made[0, 0, 0, :-1]).flatten() + 1
    assert len(steps) >= 2
    assert set((steps % 8).tolist()) == {5}  # the first block shows only its last five columns


def test_jpeg_grows_worse_with_lower_quality() -> None:
    pixels = Blur((1.0, 1.0))(_texture(), 1)
    errors = [
        float((Jpeg(quality=(q, q))(pixels, 1, Random(5)) - pixels).square().mean())
        for q in (95, 60, 30, 10)
    ]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] / 4


@pytest.mark.parametrize("area", [0.0, 0.02, 0.15, 0.6, 0.9])
def test_a_mask_covers_the_area_asked_for_or_one_dab_more(area: float) -> None:
    for seed in range(5):
        mask = hole_mask((64, 64), area, Random(seed))
        assert mask.shape == (1, 1, 64, 64)
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        assert area <= float(mask.mean()) <= area + 0.025


def test_masks_are_few_strokes_and_not_scattered_pixels() -> None:
    for seed in range(10):
        mask = hole_mask((96, 128), 0.3, Random(seed))[0, 0].numpy()
        eight = np.ones((3, 3))
        _, pieces = ndimage.label(mask, structure=eight)
        assert pieces < 40
        # some stroke is thick, some of the mask's edge is not straight
        assert ndimage.distance_transform_edt(mask).max() > 3


def test_strokes_of_a_large_picture_are_as_thick_as_those_of_a_patch() -> None:
    """Nothing missing is further from what is known than a stroke's radius, 12 px."""
    for size_hw in ((160, 160), (400, 500)):
        widths = [
            ndimage.distance_transform_edt(hole_mask(size_hw, 0.01, Random(seed))[0, 0]).max()
            for seed in range(40)
        ]
        assert 8 < max(widths) < 18  # a stroke may curl over itself


def test_areas_fall_into_each_bin_of_the_article_as_often() -> None:
    chance = Random(0)
    drawn = [draw_area((0.01, 0.4), chance) for _ in range(2000)]
    counts = [sum(low < area <= high for area in drawn) for low, high in AREA_BINS]
    assert counts[4:] == [0, 0]
    assert stats.chisquare(counts[:4]).pvalue > 0.01
    assert draw_area((0.005, 0.007), chance) < 0.01  # outside every bin: the range itself


def test_holes_keep_what_is_known_and_hide_the_rest() -> None:
    pixels = _texture(64, 64)
    made = Holes(area=(0.2, 0.3))(pixels, 1, Random(7))
    mask = made[:, 3:]
    assert 0.2 <= float(mask.mean()) <= 0.33
    known = (mask == 0).expand(-1, 3, -1, -1)
    assert torch.equal(made[:, :3][known], pixels[known])
    assert set(made[:, :3][~known].unique().tolist()) == {0.5}
    assert torch.equal(with_holes(pixels, mask), made[:, :3])


def test_a_photo_without_faults_is_reduced_and_nothing_else() -> None:
    """By one of four filters; the mean of blocks and the standard bicubic are among them."""
    spotless = Photo(PhotoRanges(blur_share=0.0, noise_share=0.0, jpeg_share=0.0))
    pixels = _texture(32, 48)
    made = [spotless(pixels, 4, Random(k)) for k in range(40)]
    kinds = {tuple((one * 255).round().flatten().tolist()) for one in made}
    assert len(kinds) == 4
    means = to_8_bits(pixels.reshape(1, 3, 8, 4, 12, 4).mean((3, 5)))
    for expected in (Standard()(pixels, 4), means):
        assert any(torch.allclose(one, expected, atol=1.01 / 255) for one in made)


def test_every_fault_of_a_photo_can_be_had_alone() -> None:
    flat, texture = _flat(0.5, 64).float(), _texture(64, 64)
    noisy = Photo(PhotoRanges(blur_share=0, jpeg_share=0, noise_share=1, read_sigma=(4, 4)))
    assert float(noisy(flat, 2, Random(0)).std()) * 255 > 3.5
    jpeg = Photo(PhotoRanges(blur_share=0, noise_share=0, jpeg_share=1, jpeg_quality=(1, 1)))
    assert float((jpeg(texture, 1, Random(0)) - texture).abs().mean()) > 0.05
    soft = Photo(PhotoRanges(blur_share=1, noise_share=0, jpeg_share=0, blur_px=(0.7, 0.7)))
    for seed in range(6):  # round and oblong
        assert float(soft(texture, 1, Random(seed)).std()) < 0.6 * float(texture.std())


def test_a_worn_photo_stays_close_to_the_standard_low_resolution() -> None:
    """Moderate: what is to be learnt is not lost."""
    generator = torch.Generator().manual_seed(2)
    pixels = torch.nn.functional.interpolate(
        torch.rand(1, 1, 12, 12, generator=generator), size=(96, 96), mode="bicubic"
    ).clamp(0, 1)
    pixels = pixels.repeat(1, 3, 1, 1)
    standard = Standard()(pixels, 2)
    errors = [
        float((Photo()(pixels, 2, Random(k)) - standard).square().mean().sqrt()) for k in range(60)
    ]
    assert max(errors) * 255 < 20
    assert 1 < float(np.median(errors)) * 255 < 8
