"""What super-resolution or restoration makes of a picture: channels, depth and size of the result.

The same whether the result is held in memory or goes from file to file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from impasto.engines.superres_options import SuperResOptions
from impasto.errors import ImageError, OptionError
from impasto.models import SuperResModel


@dataclass(frozen=True, kw_only=True)
class ResultLayout:
    """Of the result before it is brought to another size that was asked for.

    colors: 1 grey, or 3. has_alpha: one channel more, the last. bits: of the samples as they are
    held, which is more than `file_bits`, of the picture, where a histogram is matched. adds_color:
    the models are given the luma of whatever comes. options: with the precision that the picture
    asks for.
    """

    size_hw: tuple[int, int]
    colors: int
    has_alpha: bool
    bits: int
    file_bits: int
    matching: bool
    adds_color: bool
    enlarges: bool
    options: SuperResOptions

    @property
    def channels(self) -> int:
        return self.colors + self.has_alpha

    @property
    def nbytes(self) -> int:
        """Of the samples."""
        return self.size_hw[0] * self.size_hw[1] * self.channels * self.bits // 8


def layout_for(
    size_hw: tuple[int, int],
    models: Sequence[SuperResModel],
    options: SuperResOptions,
    *,
    bits: int,
    gray: bool,
    has_alpha: bool,
) -> ResultLayout:
    """What all `models`, one after another, make of a picture of `size_hw` with so many bits."""
    adds_color = any(model.card.get("degradation") == "gray" for model in models)
    matching = options.color_match_of(models[-1]) == "histogram"
    factor = math.prod(model.factor for model in models)
    if options.precision == "auto" and bits == 16:
        options = replace(options, precision="float32")  # asked for where rounding must not show
    return ResultLayout(
        size_hw=(size_hw[0] * factor, size_hw[1] * factor),
        colors=1 if gray and not adds_color else 3,
        has_alpha=has_alpha,
        # Nothing is rounded to 8 bits before a histogram is matched.
        bits=16 if bits == 16 or matching else 8,
        file_bits=bits,
        matching=matching,
        adds_color=adds_color,
        enlarges=factor > 1,
        options=options,
    )


def check_mask(
    models: Sequence[SuperResModel],
    size_hw: tuple[int, int],
    mask_hw: tuple[int, int] | None,
) -> None:
    """Raise OptionError where mask and models do not go together, ImageError for other sizes."""
    takes = models[0].config.in_channels == 4
    if takes and mask_hw is None:
        raise OptionError(
            f"model {models[0].name!r} fills what is missing; give a mask, or a picture with alpha"
        )
    if mask_hw is not None and not takes:
        raise OptionError(
            f"model {models[0].name!r} takes no mask; leave it out, or choose one that fills holes"
        )
    if mask_hw is not None and mask_hw != size_hw:
        sizes = [f"{width} x {height} px" for height, width in (mask_hw, size_hw)]
        raise ImageError(
            f"a mask of {sizes[0]} for a picture of {sizes[1]}; both must be the same size"
        )
