"""Total variation: how much neighbouring pixels differ. Small weights take the noise out."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, feature_shape

TvKind = Literal["squared", "isotropic"]
Reduction = Literal["sum", "mean"]
# Under the square root, added to the squared gradient of images in [0, 1]: keeps the derivative
# finite where the image is flat, and is a fortieth of one 8-bit level.
TV_EPSILON = 1e-8


def tv_loss(image: Tensor, *, kind: TvKind = "squared", reduction: Reduction = "sum") -> Tensor:
    """Total variation of (N, C, H, W) images in [0, 1] -> scalar >= 0; `kind` picks the form.

    `squared_tv` (the authors' code) or `isotropic_tv`; see there. Raises OptionError for another
    kind, reduction or shape.
    """
    if kind == "squared":
        return squared_tv(image, reduction=reduction)
    if kind == "isotropic":
        return isotropic_tv(image, reduction=reduction)
    raise OptionError(f"got total variation kind {kind!r}; choose 'squared' or 'isotropic'")


def squared_tv(image: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """Sum of squared differences of neighbours, the authors' form: (N, C, H, W) -> scalar >= 0.

        sum over c, i, j of (x[i, j+1] - x[i, j])^2 + (x[i+1, j] - x[i, j])^2, mean over the batch

    Every pair of neighbours counts, also those on the last row and column. `reduction="mean"`
    divides by C*H*W, so sum = C*H*W * mean, and the value does not grow with the image. One row
    or one column is allowed; a single pixel gives 0. Raises OptionError for another shape or
    reduction.

    The authors' Lua code has only a gradient: that of half this sum (without the last row's
    horizontal and the last column's vertical pairs), of pixels in 0...255, added up over the
    batch. Their strength s therefore is a weight of s/2 * 255^2 * N on the sum of [0, 1] pixels.
    """
    feature_shape(image, "an image")
    pixels = image.to(accumulation_dtype(image))
    down = (pixels[..., 1:, :] - pixels[..., :-1, :]).square().sum()
    across = (pixels[..., :, 1:] - pixels[..., :, :-1]).square().sum()
    return _reduce(down + across, image, reduction)


def isotropic_tv(
    image: Tensor,
    *,
    reduction: Reduction = "sum",
    beta: float = 1.0,
    epsilon: float = TV_EPSILON,
) -> Tensor:
    """Sum of gradient lengths to the power `beta` (arXiv 1412.0035): (N, C, H, W) -> scalar >= 0.

        sum over c, i, j of ((x[i, j+1] - x[i, j])^2 + (x[i+1, j] - x[i, j])^2)^(beta / 2)

    Mean over the batch; `reduction="mean"` divides by C*H*W. Beyond the last row and column the
    image goes on unchanged, so one difference is 0 there. For the derivative to be finite where
    the image is flat, `epsilon` is added inside the power, and epsilon^(beta / 2) subtracted
    after it: a constant image gives 0, and its gradient is 0. Raises OptionError for a `beta` or
    `epsilon` that is not positive, another shape or another reduction.
    """
    feature_shape(image, "an image")
    if not (0 < beta < float("inf") and 0 < epsilon < float("inf")):
        raise OptionError(f"got beta {beta}, epsilon {epsilon}; wanted finite numbers above 0")
    pixels = image.to(accumulation_dtype(image))
    down = F.pad(pixels[..., 1:, :] - pixels[..., :-1, :], (0, 0, 0, 1))
    across = F.pad(pixels[..., :, 1:] - pixels[..., :, :-1], (0, 1))
    squared = down.square() + across.square() + epsilon
    lengths = squared.sqrt() if beta == 1.0 else squared.pow(beta / 2)
    return _reduce((lengths - epsilon ** (beta / 2)).sum(), image, reduction)


def hole_tv(output: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """Total variation where a hole was filled, arXiv 1804.07723 -> scalar >= 0.

        y = hole * output + (1 - hole) * image
        sum over c and over the pairs of neighbours that both lie in R of
        |y[i, j+1] - y[i, j]| + |y[i+1, j] - y[i, j]|, / (pixels in R), mean over the batch

    R is the hole grown by one pixel to all eight sides, so that its rim counts: a filling which
    does not join its surroundings costs something. (The article divides by the values of the whole
    image instead, which makes small holes cheap.) `output` and `image` are (N, C, H, W) in [0, 1];
    `hole` is (N, 1, H, W) or (1, 1, H, W), True or above 0.5 where pixels were missing. An item
    without a hole gives 0. Raises OptionError for other shapes.
    """
    batch, _, height, width = feature_shape(output, "an output")
    if image.shape != output.shape or hole.shape not in (
        (batch, 1, height, width),
        (1, 1, height, width),
    ):
        raise OptionError(
            f"got output {tuple(output.shape)}, image {tuple(image.shape)}, hole "
            f"{tuple(hole.shape)}; wanted two (N, C, H, W) images and a (N, 1, H, W) hole"
        )
    dtype = accumulation_dtype(output)
    hole = (hole > 0.5).to(dtype).expand(batch, 1, height, width)
    composite = hole * output.to(dtype) + (1 - hole) * image.to(dtype)
    grown = F.max_pool2d(hole, 3, stride=1, padding=1)
    down = (composite[..., 1:, :] - composite[..., :-1, :]).abs()
    across = (composite[..., :, 1:] - composite[..., :, :-1]).abs()
    variation = (down * grown[..., 1:, :] * grown[..., :-1, :]).sum(dim=(1, 2, 3)) + (
        across * grown[..., :, 1:] * grown[..., :, :-1]
    ).sum(dim=(1, 2, 3))
    return (variation / grown.sum(dim=(1, 2, 3)).clamp_min(1)).mean()


def _reduce(total: Tensor, image: Tensor, reduction: Reduction) -> Tensor:
    """Mean over the batch of what was summed over everything, per value if asked."""
    if reduction == "sum":
        return total / image.shape[0]
    if reduction == "mean":
        return total / image.numel()
    raise OptionError(f"got reduction {reduction!r}; choose 'sum' or 'mean'")
