"""Noise: the denoiser's even Gaussian one, and one like a camera's."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from impasto.data.degradations.degradation import (
    Range,
    check_range,
    each_picture,
    low_res_size,
    to_8_bits,
)
from impasto.media.resizing import imresize


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, the same everywhere, in every channel on its own; then 8 bits.

    The standard deviation is drawn evenly from `sigma`, in 8-bit units: sigma 25 on pixels in
    0...255, as in the articles on denoising. Values beyond black and white are cut off as in a
    file, which those articles often leave out. A factor above 1 reduces the picture (bicubic)
    first.
    """

    sigma: Range = (5.0, 50.0)
    name = "noise"
    random = True
    channels = 3

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, least=0.0, greatest=255.0)

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """As Degradation."""
        small = imresize(high_res, low_res_size(high_res, factor))
        return to_8_bits(each_picture(small, chance, self._noisy))

    def _noisy(self, picture: Tensor, chance: Random) -> Tensor:
        sigma = chance.uniform(*self.sigma) / 255
        return picture + sigma * draw_noise(picture, chance)


def sensor_noise(
    pixels: Tensor, chance: Random, *, read_sigma: float, shot_sigma: float, gray: bool
) -> Tensor:
    """Noise of read-out and of counted photons added: (N, C, H, W) -> the same, not clamped.

    The variance at brightness x in [0, 1] is read_sigma^2 + shot_sigma^2 * x, both in 8-bit
    units: `shot_sigma` is what white gets. The photon count's Poisson law is taken as Gaussian,
    which it nearly is from some tens of photons on. `gray` noise is the same in all channels.
    """
    deviation = (read_sigma**2 + shot_sigma**2 * pixels.clamp(0, 1)).sqrt() / 255
    return pixels + deviation * draw_noise(pixels[:, :1] if gray else pixels, chance)


def draw_noise(like: Tensor, chance: Random) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of `like`.

    Drawn in float32 on the CPU, so that every dtype and device sees the same ones.
    """
    generator = torch.Generator().manual_seed(chance.getrandbits(63))
    return torch.randn(like.shape, generator=generator).to(like)
