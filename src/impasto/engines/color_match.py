"""The colours of the low-resolution picture for the output: no shift from what a network does.

Two ways. `histogram` is the paper's step after super-resolution (section 4.2): a monotone map for
each channel. `low-frequency` adds what the output, reduced again, lacks of the picture it was
made from, so that large areas agree with it exactly.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OptionError
from impasto.networks.bicubic import BICUBIC_RADIUS, enlarge

if TYPE_CHECKING:
    from torch import Tensor

ColorMatch = Literal["none", "histogram", "low-frequency"]
COLOR_MATCHES: tuple[ColorMatch, ...] = ("none", "histogram", "low-frequency")
# Reducing by a factor takes two samples and a half to each side, enlarging again two.
LOW_FREQUENCY_RADIUS_PX = 3 + BICUBIC_RADIUS
LEVELS = 65_536  # of the histograms: 16 bits

Counts = NDArray[np.int64]
Samples16 = NDArray[np.uint16]


def match_colors(output: "Tensor", low_res: "Tensor", mode: str) -> "Tensor":
    """(N, 3, h * f, w * f), (N, 3, h, w), both in [0, 1] -> the output with low_res's colours.

    mode: "none" gives the output itself; "histogram" gives each channel the distribution of
    low_res's, by the map that keeps the order of values (values are taken to 16 bits);
    "low-frequency" adds the enlarged difference between low_res and the reduced output. Float32,
    on the output's device. Raises OptionError for unknown modes and sizes that do not belong
    together.
    """
    check_color_match(mode, low_res)
    if mode == "none":
        return output
    matched = output.float()
    if mode == "low-frequency":
        return match_low_frequencies(matched, low_res.to(matched)).clamp(0, 1)
    import torch

    matched = matched.clone()
    for picture, source in zip(matched, low_res, strict=True):
        for plane, wanted in zip(picture, source, strict=True):
            values = to_16_bits(plane)
            table = matching_table(count_levels(values), count_levels(to_16_bits(wanted)))
            plane.copy_(torch.from_numpy(table[values].astype(np.float32) / (LEVELS - 1)))
    return matched


def check_color_match(mode: str, low_res: "Tensor | None" = None) -> None:
    """Raise OptionError unless `mode` is one of COLOR_MATCHES, and `low_res` a picture."""
    if mode not in COLOR_MATCHES:
        raise OptionError(f"no colour match {mode!r}; choose from {', '.join(COLOR_MATCHES)}")
    if low_res is not None and (low_res.ndim != 4 or low_res.shape[1] != 3):
        raise OptionError(f"low_res {tuple(low_res.shape)}: wanted (N, 3, h, w)")


def match_low_frequencies(output: "Tensor", low_res: "Tensor") -> "Tensor":
    """As `match_colors` with "low-frequency", not clamped; in tiles with LOW_FREQUENCY_RADIUS_PX.

    Both mixtures of pixels are fixed, so in tiles it is the same as in the whole picture.
    """
    from impasto.media import imresize

    size_hw = (low_res.shape[-2], low_res.shape[-1])
    factor = output.shape[-1] // size_hw[1]
    if output.shape != (*low_res.shape[:2], size_hw[0] * factor, size_hw[1] * factor):
        raise OptionError(
            f"output {tuple(output.shape)} is no whole multiple of low_res "
            f"{tuple(low_res.shape)}; give the picture that it was made from"
        )
    if factor == 1:
        raise OptionError("at factor 1 all frequencies are low ones; choose another colour match")
    return output + enlarge(low_res - imresize(output, size_hw), factor)


def to_16_bits(plane: "Tensor | NDArray[np.float32]") -> Samples16:
    """(H, W) in [0, 1] -> the same as whole numbers up to 65535."""
    values = plane if isinstance(plane, np.ndarray) else plane.detach().cpu().float().numpy()
    scaled: Samples16 = np.rint(np.clip(values, 0, 1) * np.float32(LEVELS - 1)).astype(np.uint16)
    return scaled


def count_levels(values: NDArray[Any]) -> Counts:
    """How often each of the 65536 levels occurs in an array of uint16."""
    counts: Counts = np.bincount(values.ravel(), minlength=LEVELS)
    return counts


def matching_table(output: Counts, wanted: Counts) -> NDArray[np.uint16]:
    """The monotone map of levels that turns the distribution `output` into `wanted`.

    A level that fills a share of the values stands at the middle of its share, in both
    distributions: so equal distributions give the identity, and continuous values keep their mean
    when the wanted ones have 256 levels only.
    """
    levels = np.flatnonzero(wanted)
    table = np.interp(_middles(output), _middles(wanted)[levels], levels)
    return np.rint(table).astype(np.uint16)


def _middles(counts: Counts) -> NDArray[np.float64]:
    """For each level the share of values below it and half of those at it."""
    middles: NDArray[np.float64] = (np.cumsum(counts) - counts / 2) / counts.sum()
    return middles
