"""Trial images for exported files: what their runtime makes of them, and what the model does."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.data.degradations import with_holes
from impasto.engines.tile_engine import SuperResOptions, TileEngine
from impasto.errors import ModelError
from impasto.models import StyleModel, SuperResModel
from impasto.plans.plan import COLORS
from impasto.plans.writer import Precision, Samples

# Odd, prime, tiny, and of extreme shape; (N, H, W).
TRIAL_SIZES = ((1, 64, 80), (2, 37, 53), (1, 5, 90), (1, 1, 1))
# The most that a pixel may differ in float32, and one step more where it is 8 bits.
TOLERANCE = {"float32": 1e-3, "uint8": 1.01 / 255}
LEAST_PSNR_DB = 45.0  # of a file in half precision
# An image that is all even, as one pixel is, leaves instance norms next to nothing to divide by:
# rounding shows then, in some networks.
EVEN_PSNR_DB = 30.0
_CHECKER_PX = 8

Run = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The worst of all trials: the largest difference of a pixel in [0, 1], and the least PSNR."""

    largest_difference: float
    psnr_db: float


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What an exported file is asked to paint, and how close it must come to the model."""

    model: StyleModel | SuperResModel
    samples: Samples
    precision: Precision
    size_hw: tuple[int, int] | None

    def run(self, run: Run) -> Comparison:
        """`run`: the file, by its own runtime. Raises ModelError for a trial that differs."""
        largest, least = 0.0, math.inf
        for image in self._images():
            output = torch.from_numpy(np.array(run(self._as_samples(image)))).float()
            output = output / 255 if self.samples == "uint8" else output
            wanted = self._wanted(image)
            difference = psnr_db = math.nan
            if output.shape == wanted.shape:
                difference = float((output - wanted).abs().max())
                psnr_db = -10 * math.log10(max(float((output - wanted).square().mean()), 1e-20))
            self._check(image, difference, psnr_db)
            if self.size_hw is None and image[0, 0].numel() == 1:
                continue  # noise of rounding, see EVEN_PSNR_DB
            largest, least = max(largest, difference), min(least, psnr_db)
        return Comparison(largest_difference=largest, psnr_db=least)

    def _images(self) -> Iterator[Tensor]:
        """Noise, and what has the hardest edges."""
        sizes = TRIAL_SIZES if self.size_hw is None else ((1, *self.size_hw),)
        channels = self.model.config.in_channels if isinstance(self.model, SuperResModel) else 3
        generator = torch.Generator().manual_seed(0)
        for count, height, width in sizes:
            yield self._exact(torch.rand(count, channels, height, width, generator=generator))
        _, height, width = sizes[0]
        rows, columns = (torch.arange(side) // _CHECKER_PX for side in (height, width))
        squares = ((rows[:, None] + columns) % 2).float()
        yield squares.expand(1, channels, -1, -1).contiguous()

    def _exact(self, image: Tensor) -> Tensor:
        """8-bit samples where they must be, and masks of zeros and ones."""
        if self.samples == "uint8":
            image = (image * 255).round() / 255
        return torch.cat([image[:, :COLORS], image[:, COLORS:].round()], dim=1)

    def _as_samples(self, image: Tensor) -> NDArray[Any]:
        if self.samples == "uint8":
            image = (image * 255).round().to(torch.uint8)
        array: NDArray[Any] = image.numpy()
        return array

    def _wanted(self, image: Tensor) -> Tensor:
        model = self.model
        with torch.no_grad():
            if isinstance(model, StyleModel):
                return model(image)
            mask = image[:, COLORS:]
            if mask.shape[1]:
                image = torch.cat([with_holes(image[:, :COLORS], mask), mask], dim=1)
            options = SuperResOptions(precision="float32", backend="eager")
            return torch.from_numpy(TileEngine(model, options)(image.numpy()))

    def _rounding(self, image: Tensor) -> float:
        """What rounding makes of the image in the model itself, and twice as much."""
        exact = copy.deepcopy(self.model.network).double()
        with torch.no_grad():
            wanted = exact(image.double()).clamp(0, 1)
        return 3 * float((self._wanted(image) - wanted).abs().max())

    def _check(self, image: Tensor, difference: float, psnr_db: float) -> None:
        height, width = image.shape[-2:]
        even = height * width == 1
        found = f"the exported {self.model.name!r} differs from the model by"
        if self.precision != "float32":
            near = psnr_db >= (EVEN_PSNR_DB if even else LEAST_PSNR_DB)
            # where float32 itself makes noise of an even image, half precision cannot do better
            if not (near or (even and difference <= self._rounding(image))):
                raise ModelError(
                    f"{found} {psnr_db:.1f} dB PSNR at {width} x {height} px, wanted at least "
                    f"{LEAST_PSNR_DB:g}; nothing was written: choose precision float32"
                )
        elif not difference <= TOLERANCE[self.samples] + (self._rounding(image) if even else 0):
            raise ModelError(
                f"{found} {difference:g} at {width} x {height} px, wanted at most "
                f"{TOLERANCE[self.samples]:g}; nothing was written: try another version of the "
                "runtime"
            )
