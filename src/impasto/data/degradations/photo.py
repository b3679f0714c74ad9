"""What happens to real pictures on their way: soft lenses, noisy sensors, resizing, JPEG."""

import math
from dataclasses import dataclass, field
from random import Random
from typing import get_args

import torch.nn.functional as F
from torch import Tensor

from impasto.data.degradations.blur import gaussian_blur, oblong_blur
from impasto.data.degradations.degradation import (
    Range,
    check_range,
    each_picture,
    low_res_size,
    to_8_bits,
)
from impasto.data.degradations.jpeg import check_quality, drawn_jpeg
from impasto.data.degradations.noise import sensor_noise
from impasto.media.resizing import Kernel, imresize


@dataclass(frozen=True, kw_only=True)
class PhotoRanges:
    """How bad `Photo` makes a picture: what is drawn from, each value as likely as the others.

    Moderate on purpose: a network that has only seen ruins takes every texture for damage and
    paints skin and grass smooth. `*_share` is how many pictures have that fault at all. Raises
    OptionError for ranges that cannot be.
    """

    blur_share: float = 0.7
    # Standard deviation in pixels of the low resolution, so that every factor is as soft. That of
    # a camera, behind lens and demosaicing, is 0.5 to 0.8 at its full resolution.
    blur_px: Range = (0.1, 0.7)
    round_share: float = 0.6  # of the blurs; the others are oblong, as from a moving hand
    elongation: Range = (1.0, 2.5)  # their length over their width
    noise_share: float = 0.7
    read_sigma: Range = (0.0, 4.0)  # 8-bit units, on all brightnesses
    shot_sigma: Range = (0.0, 6.0)  # 8-bit units on white, less on darker ones
    gray_noise_share: float = 0.4
    jpeg_share: float = 0.8
    jpeg_quality: tuple[int, int] = (40, 95)

    def __post_init__(self) -> None:
        for name in ("blur_share", "round_share", "noise_share", "gray_noise_share", "jpeg_share"):
            check_range(name, (0.0, getattr(self, name)), least=0.0, greatest=1.0)
        check_range("blur_px", self.blur_px, least=0.01, greatest=5.0)
        check_range("elongation", self.elongation, least=1.0, greatest=10.0)
        check_range("read_sigma", self.read_sigma, least=0.0, greatest=255.0)
        check_range("shot_sigma", self.shot_sigma, least=0.0, greatest=255.0)
        check_quality(self.jpeg_quality)


@dataclass(frozen=True)
class Photo:
    """Blur, reduction by one of four filters, camera noise, JPEG: a practical low resolution.

    In the order in which it happens to a photo that was taken, reduced for the web and saved;
    noise and JPEG act on the low resolution. One stage each (Real-ESRGAN has two, much stronger
    ones), for pictures that are worn and not ruined.
    """

    ranges: PhotoRanges = field(default_factory=PhotoRanges)
    name = "photo"
    random = True
    channels = 3

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """As Degradation."""
        size_hw = low_res_size(high_res, factor)
        return each_picture(high_res, chance, lambda x, drawn: self._worn(x, size_hw, drawn))

    def _worn(self, picture: Tensor, size_hw: tuple[int, int], chance: Random) -> Tensor:
        ranges = self.ranges
        factor = picture.shape[-1] // size_hw[1]
        if chance.random() < ranges.blur_share:
            picture = self._blurred(picture, factor, chance)
        picture = _reduced(picture, size_hw, factor, chance)
        if chance.random() < ranges.noise_share:
            picture = sensor_noise(
                picture,
                chance,
                read_sigma=chance.uniform(*ranges.read_sigma),
                shot_sigma=chance.uniform(*ranges.shot_sigma),
                gray=chance.random() < ranges.gray_noise_share,
            )
        if chance.random() < ranges.jpeg_share:
            return drawn_jpeg(picture, ranges.jpeg_quality, chance)
        return to_8_bits(picture)

    def _blurred(self, picture: Tensor, factor: int, chance: Random) -> Tensor:
        sigma = chance.uniform(*self.ranges.blur_px) * factor
        if chance.random() < self.ranges.round_share:
            return gaussian_blur(picture, sigma)
        # the same area as the round blur of that sigma, stretched
        stretch = math.sqrt(chance.uniform(*self.ranges.elongation))
        return oblong_blur(picture, sigma * stretch, sigma / stretch, chance.uniform(0, math.pi))


def _reduced(picture: Tensor, size_hw: tuple[int, int], factor: int, chance: Random) -> Tensor:
    kernels: list[Kernel | None] = [*get_args(Kernel), None]
    kernel = chance.choice(kernels)
    if kernel is None:  # the mean of each block, as sensors that join pixels and many programs do
        return F.avg_pool2d(picture, factor)
    return imresize(picture, size_hw, kernel=kernel)
