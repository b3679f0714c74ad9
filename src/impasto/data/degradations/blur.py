"""Gaussian blur: round with separable kernels, oblong and turned with one kernel."""

import math
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

PAPER_SIGMA_PX = 1.0
# SciPy's `truncate`: beyond four standard deviations the kernel is left out.
TRUNCATE = 4.0


@dataclass(frozen=True)
class Blur:
    """Gaussian blur, then `Standard`; at factor 1 blur alone, for deblurring.

    The standard deviation is drawn evenly from `sigma_px`, in pixels of the high resolution. One
    value, the default 1, is the degradation that the paper trains on; it does not say how far its
    kernel reaches or what it does at the borders (see `gaussian_blur` for ours).
    """

    sigma_px: Range = (PAPER_SIGMA_PX, PAPER_SIGMA_PX)
    name = "blur"
    channels = 3

    def __post_init__(self) -> None:
        check_range("sigma_px", self.sigma_px, least=0.0, greatest=20.0)

    @property
    def random(self) -> bool:
        """Whether sigma is drawn from more than one value."""
        return self.sigma_px[0] < self.sigma_px[1]

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """As Degradation."""
        size_hw = low_res_size(high_res, factor)
        if self.random:
            blurred = each_picture(
                high_res, chance, lambda x, drawn: gaussian_blur(x, drawn.uniform(*self.sigma_px))
            )
        else:
            blurred = gaussian_blur(high_res, self.sigma_px[0])
        return to_8_bits(imresize(blurred, size_hw))


def gaussian_blur(pixels: Tensor, sigma_px: float) -> Tensor:
    """(N, C, H, W) -> the same shape, blurred with a Gaussian of standard deviation `sigma_px`.

    As `scipy.ndimage.gaussian_filter`: sampled at whole pixels, cut off at four sigma, pictures
    mirrored at their borders with the edge pixel repeated. Computed in the dtype given.
    """
    radius = kernel_radius(sigma_px)
    if radius == 0:
        return pixels
    distance = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (distance / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).to(pixels)
    for dim in (-2, -1):
        size = pixels.shape[dim]
        mirrored = _mirrored(pixels, dim, radius)
        blurred = mirrored.narrow(dim, 0, size) * kernel[0]
        for tap in range(1, 2 * radius + 1):
            blurred.add_(mirrored.narrow(dim, tap, size) * kernel[tap])
        pixels = blurred
    return pixels


def oblong_blur(pixels: Tensor, sigma_px: float, across_px: float, angle: float) -> Tensor:
    """(N, C, H, W) -> the same shape, blurred more along one direction than across it.

    `sigma_px` is the standard deviation along the direction which makes `angle` (radians, from
    the x axis towards the y axis, so clockwise as seen) with the rows, `across_px` the one across
    it, above 0. Borders as in `gaussian_blur`.
    """
    radius = kernel_radius(max(sigma_px, across_px))
    if radius == 0:
        return pixels
    kernel = oblong_kernel(sigma_px, across_px, angle, radius).to(pixels)
    mirrored = _mirrored(_mirrored(pixels, -2, radius), -1, radius)
    # by Fourier transform: a convolution with 35 x 35 weights takes ten times as long
    size_hw = (mirrored.shape[-2], mirrored.shape[-1])
    spectrum = torch.fft.rfft2(mirrored) * torch.fft.rfft2(kernel, s=size_hw)
    blurred: Tensor = torch.fft.irfft2(spectrum, s=size_hw)
    return blurred[..., 2 * radius :, 2 * radius :].contiguous()


def oblong_kernel(sigma_px: float, across_px: float, angle: float, radius: int) -> Tensor:
    """(2 radius + 1, 2 radius + 1) float64 weights that add up to 1; see `oblong_blur`."""
    distance = torch.arange(-radius, radius + 1, dtype=torch.float64)
    y, x = torch.meshgrid(distance, distance, indexing="ij")
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    kernel = torch.exp(-0.5 * ((along / sigma_px) ** 2 + (across / across_px) ** 2))
    return kernel / kernel.sum()


def kernel_radius(sigma_px: float) -> int:
    """How many pixels a kernel reaches to each side."""
    return int(TRUNCATE * sigma_px + 0.5)


def _mirrored(pixels: Tensor, dim: int, radius: int) -> Tensor:
    """`radius` samples more on both ends of a side: c b a | a b c | c b a, as often as needed."""
    size = pixels.shape[dim]
    place = torch.arange(-radius, size + radius, device=pixels.device).remainder(2 * size)
    return pixels.index_select(dim, torch.where(place < size, place, 2 * size - 1 - place))
