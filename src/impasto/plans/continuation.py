"""Painting within a mirrored continuation of the photo, which is cut off afterwards.

A loss network sees less of a picture's edge than of its middle, and style networks learn to make
use of it: stripes, paler colours and fewer strokes in the outermost pixels. With a continuation
around the photo this falls outside of it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from impasto.errors import OptionError
from impasto.networks.architectures import architecture_of
from impasto.networks.layout import BORDER_PX, STRIDE
from impasto.networks.style_config import StyleNetworkConfig
from impasto.plans import plan
from impasto.plans.writer import mirror_positions

if TYPE_CHECKING:
    from torch import Tensor

MOST_BORDER_PX = 1024


def check_border(border: int | None) -> None:
    """Raise OptionError unless `border` is None or a whole number from 0 to MOST_BORDER_PX."""
    if border is None:
        return
    number = isinstance(border, int) and not isinstance(border, bool)
    if not number or not 0 <= border <= MOST_BORDER_PX:
        raise OptionError(
            f"border {border!r}: the pixels mirrored around the photo, a whole number from 0 "
            f"(none) to {MOST_BORDER_PX}"
        )


def border_for(config: StyleNetworkConfig, border: int | None) -> int:
    """`border` in whole strides of the networks, or what suits the network if that is None.

    BORDER_PX for our own layouts; the paper's network brings 40 px of its own, and what was
    imported paints as where it came from.
    """
    return architecture_of(config).border if border is None else whole_strides(border)


def whole_strides(border: int | None) -> int:
    """Rounded up to whole strides, so that the sides keep their remainder; or BORDER_PX."""
    return BORDER_PX if border is None else -(-border // STRIDE) * STRIDE


def continued(first: plan.Mirror, border: int) -> plan.Mirror:
    """The first step of a plan, made to mirror `border` px of continuation before all else."""
    return replace(
        first,
        border=border,
        least=max(1, first.least - 2 * border),
        outer=first.border + first.outer,
    )


def continued_positions(size: int, first: plan.Mirror, border: int) -> list[int]:
    """Which of an image's `size` rows make up its continuation, of a size that the plan can take.

    That is `continued` without what every image gets anyhow.
    """
    return mirror_positions(size, replace(continued(first, border), outer=0))


def continue_image(image: "Tensor", first: plan.Mirror, border: int) -> "Tensor":
    """(N, 3, H, W) -> the image with its continuation; `cut` takes it off again."""
    import torch

    for dim in (-2, -1):
        positions = continued_positions(image.shape[dim], first, border)
        image = image.index_select(dim, torch.tensor(positions, device=image.device))
    return image


def cut(painting: "Tensor", size_hw: tuple[int, int], border: int) -> "Tensor":
    """(N, 3, H, W) of a painting with its continuation."""
    height, width = size_hw
    part = painting[..., border : border + height, border : border + width]
    return part.contiguous()
