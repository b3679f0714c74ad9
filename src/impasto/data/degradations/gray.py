"""Colour taken away, for colourisation."""

from dataclasses import dataclass
from random import Random

from torch import Tensor

from impasto.data.degradations.degradation import low_res_size, to_8_bits
from impasto.media import luma
from impasto.media.matlab_resizing import imresize


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
