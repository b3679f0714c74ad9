"""What a degradation is, what all of them share, and the two that draw nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.media import luma
from impasto.media.resizing import imresize

Range = tuple[float, float]  # least and greatest value of a draw, both allowed


class Degradation(Protocol):
    """Makes, from a good picture, the bad one that a network shall learn to repair.

    Pure: nothing but `chance` decides what is drawn, and the argument is not changed.
    """

    @property
    def name(self) -> str:
        """What `find_degradation` or `find_restoration` knows it by."""
        ...

    @property
    def random(self) -> bool:
        """Whether two calls may differ."""
        ...

    @property
    def channels(self) -> int:
        """Of the result: 3, or 4 where the last one is a mask."""
        ...

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> (N, channels, H / factor, W / factor) in [0, 1].

        Float32 or float64 in, the same out. The same `chance` gives the same result; each of the
        N pictures has draws of its own, and without a `chance` they are new with every call.
        Raises OptionError unless H and W are multiples of `factor`.
        """
        ...


def low_res_size(high_res: Tensor, factor: int) -> tuple[int, int]:
    """(N, C, H, W) -> (H / factor, W / factor); raises OptionError if those are no whole sizes."""
    if high_res.ndim != 4 or high_res.shape[1] not in (1, 3):
        raise OptionError(
            f"got a high-resolution tensor of shape {tuple(high_res.shape)}; wanted (N, 3, H, W)"
        )
    if not high_res.dtype.is_floating_point:
        raise OptionError(f"got {high_res.dtype} pixels; wanted float32 or float64 in [0, 1]")
    height, width = high_res.shape[-2:]
    if factor < 1 or height % factor or width % factor or not min(height, width):
        raise OptionError(
            f"got {height} x {width} px for factor {factor}; wanted multiples of the factor: "
            "crop the picture first"
        )
    return height // factor, width // factor


def to_8_bits(pixels: Tensor) -> Tensor:
    """What a file of 8 bits a sample keeps of `pixels`: clamped to [0, 1], whole 255ths."""
    return (pixels.clamp(0, 1) * 255).round() / 255


def each_picture(
    pictures: Tensor, chance: Random | None, change: Callable[[Tensor, Random], Tensor]
) -> Tensor:
    """`change` every (1, C, H, W) picture of a batch with draws of its own, one after another."""
    chance = Random() if chance is None else chance
    return torch.cat([change(pictures[k : k + 1], chance) for k in range(len(pictures))])


def check_range(name: str, values: Range, *, least: float, greatest: float = math.inf) -> Range:
    """The range as floats; raises OptionError unless least <= low <= high <= greatest."""
    low, high = (float(value) for value in values)
    if not (math.isfinite(high) and least <= low <= high <= greatest):
        limits = f"between {least} and {greatest}" if math.isfinite(greatest) else f"from {least}"
        raise OptionError(f"got {name} {low} to {high}; wanted two numbers {limits}, low first")
    return low, high


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
class Gray:
    """BT.601 luma in all three channels, 8 bits, as a grey file is read.

    A factor above 1 reduces the picture (bicubic) first.
    """

    name = "gray"
    random = False
    channels = 3

    def __call__(
        self,
        high_res: Tensor,
        factor: int,
        chance: Random | None = None,  # noqa: ARG002
    ) -> Tensor:
        """As Degradation; nothing is drawn."""
        small = imresize(high_res, low_res_size(high_res, factor))
        if small.shape[1] == 3:
            small = luma(small)
        return to_8_bits(small).expand(-1, 3, -1, -1).contiguous()
