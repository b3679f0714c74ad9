"""Photos in other colours: training data for the cost of a matrix product."""

import math
import random

import torch
from torch import Tensor

# NTSC's Y, I and Q (ITU-R BT.601 luma): turning I and Q turns the hue and leaves the luma.
_RGB_TO_YIQ = (
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)


def jitter_colors(pixels: Tensor, strength: float, chance: random.Random) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> the same shape and range; half of the calls change nothing.

    The other half draws, evenly in the logarithm, a gamma and factors of contrast (about the mean)
    and of saturation between 1 / (1 + strength) and 1 + strength, and a turn of the hue by up to
    180 degrees times the strength. Few photos then stand for many: a network that has seen each of
    them some dozens of times paints photos of other colours worse than these.
    """
    if not strength or chance.random() < 0.5:
        return pixels
    limit = math.log1p(strength)
    gamma, contrast, saturation = (math.exp(chance.uniform(-limit, limit)) for _ in range(3))
    toned = pixels.clamp(0, 1) ** gamma
    mean = toned.mean(dim=(1, 2, 3), keepdim=True)
    toned = (toned - mean) * contrast + mean
    angle = math.pi * chance.uniform(-strength, strength)
    matrix = _color_matrix(saturation, angle).to(pixels)
    return torch.einsum("oc,nchw->nohw", matrix, toned).clamp(0, 1)


def _color_matrix(saturation: float, angle: float) -> Tensor:
    """(3, 3), RGB -> RGB: the chroma times `saturation`, turned by `angle` in radians."""
    to_yiq = torch.tensor(_RGB_TO_YIQ, dtype=torch.float64)
    turn = torch.eye(3, dtype=torch.float64)
    cosine, sine = saturation * math.cos(angle), saturation * math.sin(angle)
    turn[1:, 1:] = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    to_rgb: Tensor = torch.linalg.inv(to_yiq)
    return to_rgb @ turn @ to_yiq
