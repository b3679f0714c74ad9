"""Mean and variance of a map that is seen tile by tile, the same to the bit whatever the tiles."""

import torch
from torch import Tensor

from impasto.inference.tiles import Box, grid_cells

# Statistics are found in these cells of the map's own grid, and then merged. Cells that tiles do
# not cut give the same numbers, so maps in half precision, where any difference grows to that of
# the last bit, are the same. Small enough for a tile, and large enough to cost little.
CELL_HW = (32, 128)


class Moments:
    """Mean and variance per channel over tiles, merged exactly in float64.

    Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample
    variances, 1979.
    """

    def __init__(self, channels: int, device: torch.device) -> None:
        # MPS has no float64; there the merge is in float32, its error still only ~1e-7 a tile.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.count = 0
        self.mean = torch.zeros(channels, dtype=dtype, device=device)
        self.deviations = torch.zeros(channels, dtype=dtype, device=device)  # sum of squares

    def update(self, tile: Tensor, box: Box) -> None:
        """Add a (1, C, h, w) tile, which lies there in the map."""
        cells = grid_cells(box, CELL_HW)
        parts = [cell.within(box).of(tile) for cell in cells]
        found = [_moments(part.contiguous(memory_format=torch.channels_last)) for part in parts]
        means, variances = (
            torch.stack(values).to(self.mean.dtype) for values in zip(*found, strict=True)
        )
        counts = self.mean.new_tensor([cell.height * cell.width for cell in cells])[:, None]
        count = box.height * box.width
        mean = (means * counts).sum(0) / count
        deviations = (variances * (counts - 1) + (means - mean).square() * counts).sum(0)
        total = self.count + count
        delta = mean - self.mean
        self.mean += delta * (count / total)
        self.deviations += deviations + delta.square() * (self.count * count / total)
        self.count = total

    def variance(self) -> Tensor:
        """Biased variance per channel, (C,), as instance norm takes it."""
        return self.deviations / self.count


def _moments(part: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance per channel, in float32 at least; of a single pixel 0."""
    exact = torch.float32 if part.dtype.itemsize < 4 else part.dtype
    if part.shape[-2:] == (1, 1):
        mean = part.flatten().to(exact)
        return mean, torch.zeros_like(mean)
    mean = torch.zeros(part.shape[1], dtype=exact, device=part.device)
    variance = torch.ones_like(mean)
    # With momentum 1 this leaves the statistics here: by far the fastest kernel for them, and in
    # float32 for half-precision maps too.
    torch.batch_norm_update_stats(part, mean, variance, 1.0)
    return mean, variance
