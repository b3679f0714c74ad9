"""Colours of a painting made those of a photo before its style is taken (arXiv 1606.05897)."""

import torch
from torch import Tensor

from impasto.media import luma

# Added to the variances: one 8-bit level squared, so that a grey picture has a root to divide by.
VARIANCE_FLOOR = (1 / 255) ** 2


def match_color_statistics(style: Tensor, content: Tensor) -> Tensor:
    """Give `style` the mean colour and colour covariance of `content`; (1, 3, ., .) in [0, 1] each.

    x -> A x + b with A = S_content^(1/2) S_style^(-1/2), symmetric roots of the covariances: the
    form that the paper (section 4.1.2) found best, from Hertzmann et al.'s image analogies. Works
    on one channel too. The result is clamped to [0, 1].
    """
    mean_style, root_style = _moments(style)
    mean_content, root_content = _moments(content)
    matrix = root_content @ torch.linalg.inv(root_style)
    moved = matrix @ (style.double().flatten(2)[0] - mean_style) + mean_content
    result: Tensor = moved.to(style.dtype).reshape(style.shape).clamp(0, 1)
    return result


def gray_style(style: Tensor, content: Tensor) -> Tensor:
    """The luma of `style`, with the mean and deviation of the luma of `content` -> (1, 3, h, w).

    For luminance-only transfer (section 3): what a loss network that sees grey is to look for.
    """
    return match_color_statistics(luma(style), luma(content)).expand(-1, 3, -1, -1)


def gray(image: Tensor) -> Tensor:
    """Luma three times over: (1, 3, H, W) -> the same shape."""
    return luma(image).expand(-1, 3, -1, -1)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (C, 1), and the symmetric root of the covariance (C, C), in float64."""
    values = image.double().flatten(2)[0]
    mean = values.mean(1, keepdim=True)
    centred = values - mean
    covariance = centred @ centred.T / values.shape[1]
    covariance += VARIANCE_FLOOR * torch.eye(len(mean), dtype=torch.float64, device=image.device)
    variances, axes = torch.linalg.eigh(covariance)
    return mean, axes @ torch.diag(variances.clamp_min(VARIANCE_FLOOR).sqrt()) @ axes.T
