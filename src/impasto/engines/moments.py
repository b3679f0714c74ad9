"""Mean and variance of a map that is seen tile by tile, the same to the bit whatever the tiles."""

import torch
from torch import Tensor

from impasto.engines.tiles import Box, grid_cells
from impasto.networks.normalization import merged_moments, moments

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
        found = [moments(part.contiguous(memory_format=torch.channels_last)) for part in parts]
        counts = self.mean.new_tensor([cell.height * cell.width for cell in cells])
        count = box.height * box.width
        mean, deviations = merged_moments(found, counts)
        total = self.count + count
        delta = mean - self.mean
        self.mean += delta * (count / total)
        self.deviations += deviations + delta.square() * (self.count * count / total)
        self.count = total

    def variance(self) -> Tensor:
        """Biased variance per channel, (C,), as instance norm takes it."""
        return self.deviations / self.count
