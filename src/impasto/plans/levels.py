"""Images as plans take them: levels in [0, 255], which half precision holds exactly."""

import torch
from torch import Tensor

from impasto.plans.plan import INPUT_SCALE


def to_levels(image: Tensor, *, split: bool, centred: bool = False) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> what a plan takes: levels in [0, 255], float32 at least.

    8-bit samples are whole numbers then, exact in every number format, bfloat16 too. split: the
    parts of a level, which other images have, go into three more channels, (N, 6, H, W), so that
    these lose nothing either; networks make much of small differences in even areas. centred:
    less each channel's mean, rounded, for half precision and plans that ignore constants; sums of
    large numbers are coarse.
    """
    levels = image * INPUT_SCALE
    whole = levels.round() if split else levels
    exact = whole - whole.mean((2, 3), keepdim=True).round() if centred else whole
    return torch.cat([exact, levels - whole], dim=1) if split else exact


def has_parts_of_levels(image: Tensor) -> bool:
    """Whether (N, 3, H, W) in [0, 1] has other samples than 8-bit ones."""
    levels = image * INPUT_SCALE
    # dividing by 255 and multiplying again is off by rounding
    return bool((levels - levels.round()).abs().max() > 1e-3)
