"""Feature reconstruction: does the output mean the same as the target to the loss network?"""

from typing import Any, Literal

import torch
from torch import Tensor

from impasto.losses.shapes import accumulation_dtype, check_pair

ContentKind = Literal["squared", "absolute", "unit"]  # eq. 2, mean difference, directions
CONTENT_KINDS: tuple[ContentKind, ...] = ("squared", "absolute", "unit")
UNIT_EPSILON = 1e-10  # LPIPS' own, against a division by zero


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Feature reconstruction, paper eq. 2: two (N, C, H, W) maps -> scalar >= 0.

        loss = sum of (features - target)^2 / (C*H*W), mean over the batch

    `target` may also have a batch of one, which every item is then compared with. Added up in
    float32 at least, autocast or not. Differentiable twice. Raises OptionError unless both are
    floating-point maps of the same shape.
    """
    return content_errors(features, target).mean()


def content_errors(features: Tensor, target: Tensor) -> Tensor:
    """Eq. 2 of each item: (N, C, H, W) and (N or 1, C, H, W) -> (N,); raises as content_loss."""
    check_pair(features, target, "content features")
    errors: Tensor = _MeanSquares.apply(features, target)  # type: ignore[no-untyped-call]
    return errors


def mean_squares(features: Tensor) -> Tensor:
    """Mean of features^2 for each item: (N, C, H, W) -> (N,), without gradient."""
    with torch.no_grad():
        return content_errors(features, features.new_zeros(1).expand_as(features[:1]))


def absolute_content_errors(features: Tensor, target: Tensor) -> Tensor:
    """Mean of |features - target| of each item; shapes and errors as for `content_errors`.

    Where the low resolution leaves features open, equation 2 is least at their mean, a bit of
    every texture that might be there; this is least at their median, most often none.
    """
    check_pair(features, target, "content features")
    dtype = accumulation_dtype(features)
    return (features.to(dtype) - target.to(dtype)).abs().mean(dim=(1, 2, 3))


def unit_feature_loss(
    features: Tensor, target: Tensor, channel_weights: Tensor | None = None
) -> Tensor:
    """The distance of feature directions, LPIPS' form (arXiv 1801.03924, eq. 1): -> scalar >= 0.

    Two (N, C, H, W) maps; each pixel's feature vector is scaled to length 1 first. The squared
    differences are added up over the channels, each times its entry of `channel_weights` (C,)
    (LPIPS' linear head; None: 1 each), and averaged over pixels and batch. Without weights it lies
    in [0, 4]: 2 - 2 cos of the angle between the vectors. Raises OptionError as content_loss.
    """
    return unit_feature_errors(features, target, channel_weights).mean()


def unit_feature_errors(
    features: Tensor, target: Tensor, channel_weights: Tensor | None = None
) -> Tensor:
    """`unit_feature_loss` of each item: -> (N,)."""
    check_pair(features, target, "content features")
    dtype = accumulation_dtype(features)
    squared = (_unit(features.to(dtype)) - _unit(target.to(dtype))).square()
    if channel_weights is not None:
        squared = squared * channel_weights.to(squared).reshape(1, -1, 1, 1)
    return squared.sum(1).mean(dim=(1, 2))


def _unit(features: Tensor) -> Tensor:
    # below the root, unlike LPIPS: the root's gradient at 0 is infinite
    length = (features.square().sum(1, keepdim=True) + UNIT_EPSILON).sqrt()
    return features / length


class _MeanSquares(torch.autograd.Function):
    """Mean of (features - target)^2 for each item: -> (N,).

    Plain autograd hands the gradient of channels_last features back in the other memory format
    (slow, and so is all that follows), and keeps float32 copies of half-precision features.
    """

    @staticmethod
    def forward(features: Tensor, target: Tensor) -> Tensor:
        dtype = accumulation_dtype(features)
        if dtype == features.dtype:
            difference = features - target.to(dtype)
        else:
            difference = features.to(dtype).sub_(target)
        return difference.square_().mean(dim=(1, 2, 3))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        features, target = ctx.saved_tensors
        (gradient,) = gradients
        factors = gradient * (2.0 / features[0].numel())
        if accumulation_dtype(features) == features.dtype:
            difference = (features - target) * factors.view(-1, 1, 1, 1)
        else:
            difference = features - target.to(features.dtype)
            if not difference.is_cpu:
                torch.mul(difference, factors.view(-1, 1, 1, 1), out=difference)
            # One number a time: PyTorch is slow (135 ms for 4 ms) when the types are mixed, and
            # factors in half precision would scale a whole item wrongly.
            for item in range(len(factors) if difference.is_cpu else 0):
                difference[item].mul_(factors[item])
        for_target = None
        if ctx.needs_input_grad[1]:
            for_target = -difference.sum_to_size(target.shape).to(target.dtype)
        return difference if ctx.needs_input_grad[0] else None, for_target
