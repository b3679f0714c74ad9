"""Losing resolution: the two degradations that super-resolution is measured by."""

from dataclasses import dataclass
from random import Random

from torch import Tensor

from impasto.data.degradations.degradation import (
    Range,
    check_range,
    each_picture,
    low_res_size,
    to_8_bits,
)
from impasto.data.degradations.gaussian import gaussian_blur
from impasto.media.matlab_resizing import imresize

PAPER_SIGMA_PX = 1.0


@dataclass(frozen=True)
class Standard:
    """MATLAB's antialiased bicubic, then 8 bits: the low resolution of the usual benchmarks."""

    name = "standard"
    random = False
    channels = 3

    def __call__(
        self,
        high_res: Tensor,
        factor: int,
        chance: Random | None = None,  # noqa: ARG002
    ) -> Tensor:
        """As Degradation; nothing is drawn."""
        return to_8_bits(imresize(high_res, low_res_size(high_res, factor)))


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
