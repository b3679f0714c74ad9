"""Colour of one image under the brightness of another."""

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.media.samples import bands

# Weights of R, G, B in luma, ITU-R BT.601: the Y of YCbCr, which add up to 1.
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def luma(pixels: Tensor) -> Tensor:
    """BT.601 luma of coded values: (N, 3, H, W) -> (N, 1, H, W)."""
    red, green, blue = LUMA_WEIGHTS
    return red * pixels[:, 0:1] + green * pixels[:, 1:2] + blue * pixels[:, 2:3]


def keep_colors(output: Tensor, image: Tensor) -> Tensor:
    """Luma of `output`, chrominance of `image`: (N, 3, H, W), (N, 3, H, W) -> the same in [0, 1].

    Luminance-only transfer of Gatys et al. 2016 (arXiv:1606.05897, section 3), in YCbCr. Where a
    luma cannot bear the photo's chrominance (strong colour near black or white), the chrominance
    is scaled down just so far that the colour can be shown: luma and hue stay exact, and only the
    saturation gives way. Raises OptionError if the shapes differ.
    """
    if output.shape != image.shape:
        raise OptionError(
            f"keep_colors: output {tuple(output.shape)} and image {tuple(image.shape)} differ; "
            "resize the image to the output first"
        )
    kept = torch.empty_like(output)
    for top, bottom in bands((output.shape[-2], output.shape[-1])):
        rows = slice(top, bottom)
        kept[..., rows, :] = _recolored(output[..., rows, :], image[..., rows, :])
    return kept


def _recolored(output: Tensor, image: Tensor) -> Tensor:
    target = luma(output.clamp(0, 1))
    # R - Y, G - Y, B - Y: the same chrominance as (Cb, Cr), before its scaling.
    chroma = image - luma(image)
    room = torch.where(chroma > 0, 1 - target, target)
    tiny = torch.finfo(chroma.dtype).tiny
    scale = (room / chroma.abs().clamp_min(tiny)).amin(dim=1, keepdim=True).clamp_max(1)
    return (target + scale * chroma).clamp(0, 1)  # the clamp takes off rounding only
