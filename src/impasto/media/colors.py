"""Colours of one image under the brightness of another, and under transparency."""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.media.picture import LUMA_WEIGHTS
from impasto.media.samples import bands

# From this alpha on a pixel's own colour is trusted wholly; below, it is rounded too coarsely.
TRUSTED_ALPHA = 1 / 16


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


def fill_hidden(pixels: Tensor, alpha: Tensor) -> Tensor:
    """Replace invisible colours by those nearby: (1, 3, H, W), (1, 1, H, W) -> (1, 3, H, W).

    What lies under full transparency is arbitrary (often black), but the network would paint its
    edges into the visible part. Averages of the visible colours over growing squares flow in
    instead (the pull-push pyramid of Gortler et al., The Lumigraph, 1996). Visible pixels stay as
    they are; a picture without any becomes mid-grey.
    """
    trust = (alpha / TRUSTED_ALPHA).clamp(0, 1)
    if bool((trust == 1).all()):
        return pixels
    return push(pixels, trust)


def push(pixels: Tensor, trust: Tensor) -> Tensor:
    """Fill what is trusted less than 1: (1, 3, H, W), (1, 1, H, W) -> (1, 3, H, W)."""
    size = pixels.shape[-2:]
    if max(size) == 1:
        return pixels.lerp(pixels.new_full((), 0.5), 1 - trust)
    average = F.avg_pool2d(pixels * trust, 2, ceil_mode=True)
    weight = F.avg_pool2d(trust, 2, ceil_mode=True)
    below = push(average / weight.clamp_min(1e-12), (weight * 4).clamp_max(1))
    nearby = F.interpolate(below, size=size, mode="bilinear", align_corners=False)
    return nearby.lerp(pixels, trust)
