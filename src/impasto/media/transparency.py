"""Colours for what a picture hides under transparency."""

import torch.nn.functional as F
from torch import Tensor

# From this alpha on a pixel's own colour is trusted wholly; below, it is rounded too coarsely.
TRUSTED_ALPHA = 1 / 16


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
