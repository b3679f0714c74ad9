"""Mean and variance of a map that is seen strip by strip."""

import torch
from torch import Tensor


class Moments:
    """Mean and variance per channel over strips, merged exactly in float64.

    Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample
    variances, 1979.
    """

    def __init__(self, channels: int, device: torch.device) -> None:
        # MPS has no float64; there the merge is in float32, its error still only ~1e-7 a strip.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.count = 0
        self.mean = torch.zeros(channels, dtype=dtype, device=device)
        self.deviations = torch.zeros(channels, dtype=dtype, device=device)  # sum of squares

    def update(self, strip: Tensor) -> None:
        """Add a (1, C, h, w) strip."""
        count = strip.shape[-2] * strip.shape[-1]
        mean, variance = _moments(strip)
        total = self.count + count
        delta = mean.to(self.mean.dtype) - self.mean
        self.mean += delta * (count / total)
        self.deviations += variance.to(self.mean.dtype) * (count - 1)
        self.deviations += delta.square() * (self.count * count / total)
        self.count = total

    def variance(self) -> Tensor:
        """Biased variance per channel, (C,), as instance norm takes it."""
        return self.deviations / self.count


def _moments(strip: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance per channel, in float32 at least; of a single pixel 0."""
    exact = torch.float32 if strip.dtype.itemsize < 4 else strip.dtype
    if strip.shape[-2:] == (1, 1):
        mean = strip.flatten().to(exact)
        return mean, torch.zeros_like(mean)
    mean = torch.zeros(strip.shape[1], dtype=exact, device=strip.device)
    variance = torch.ones_like(mean)
    # With momentum 1 this leaves the statistics here: by far the fastest kernel for them, and in
    # float32 for half-precision strips too.
    torch.batch_norm_update_stats(strip, mean, variance, 1.0)
    return mean, variance
