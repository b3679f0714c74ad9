"""JPEG's blocks and rings, by Pillow's own encoder."""

import io
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from impasto.data.degradations.degradation import (
    check_range,
    each_picture,
    low_res_size,
)
from impasto.errors import OptionError
from impasto.media.resizing import imresize

BLOCK_PX = 8
HALVED_COLORS = "4:2:0"
FULL_COLORS = "4:4:4"
# Most cameras and web sites halve the resolution of the colours in both directions.
HALVED_SHARE = 0.75


@dataclass(frozen=True)
class Jpeg:
    """Written as JPEG and read again, for deblocking.

    The quality is a whole number drawn evenly from `quality`, 1 to 100 on libjpeg's scale. The
    blocks begin at a random place, as in a picture that was cut out of a JPEG. A factor above 1
    reduces the picture (bicubic) first.
    """

    quality: tuple[int, int] = (10, 80)
    name = "jpeg"
    random = True
    channels = 3

    def __post_init__(self) -> None:
        check_quality(self.quality)

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        """As Degradation."""
        small = imresize(high_res, low_res_size(high_res, factor))
        return each_picture(small, chance, lambda x, drawn: drawn_jpeg(x, self.quality, drawn))


def drawn_jpeg(picture: Tensor, quality: tuple[int, int], chance: Random) -> Tensor:
    """`jpeg_round_trip` with quality, colour resolution and place of the blocks drawn."""
    return jpeg_round_trip(
        picture,
        chance.randint(*quality),
        subsampling=HALVED_COLORS if chance.random() < HALVED_SHARE else FULL_COLORS,
        cut_px=(chance.randrange(BLOCK_PX), chance.randrange(BLOCK_PX)),
    )


def jpeg_round_trip(
    picture: Tensor,
    quality: int,
    *,
    subsampling: str = HALVED_COLORS,
    cut_px: tuple[int, int] = (0, 0),
) -> Tensor:
    """(1, 1 or 3, H, W) in [0, 1] -> the same as a JPEG of that quality shows it, whole 255ths.

    `cut_px` rows and columns of the first blocks lie outside of the picture, copies of the edge
    in their place: the picture then looks like part of a larger JPEG.
    """
    top, left = cut_px
    samples = (picture[0].detach().cpu().clamp(0, 1) * 255).round()
    # replicated, not reflected: also allowed for pictures smaller than a block
    samples = F.pad(samples, (left, 0, top, 0), mode="replicate").to(torch.uint8)
    array = samples.permute(1, 2, 0).numpy()
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else np.ascontiguousarray(array))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=subsampling)
    file.seek(0)
    with Image.open(file) as read:
        decoded = np.array(read).reshape(*array.shape)[top:, left:]
    return torch.from_numpy(decoded).permute(2, 0, 1).unsqueeze(0).to(picture) / 255


def check_quality(quality: tuple[int, int]) -> None:
    """Raise OptionError unless these are two whole numbers from 1 to 100, low first."""
    check_range("quality", quality, least=1, greatest=100)
    if not all(isinstance(value, int) for value in quality):
        raise OptionError(f"got quality {quality}; wanted whole numbers")
