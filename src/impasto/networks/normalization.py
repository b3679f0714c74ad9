"""Instance normalisation, the one place that decides which kernel runs it.

And mean and variance per channel of a map, part by part, so that float32 sums stay exact. PyTorch's
batch norm on CPUs adds up channels_last maps in one long float32 sum: of 1 megapixel its variance
is wrong by 0.05 %, of 9 by 1.4 %. Of parts of up to `PART_PIXELS` it is exact to 1e-5.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.layout import NORM_EPS

LARGE_PIXELS = 1 << 16  # up to here PyTorch's own sums are right to 2e-5
PART_PIXELS = 1 << 14


def moments(part: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance per channel, in float32 at least; of a single pixel 0."""
    exact = torch.float32 if part.dtype.itemsize < 4 else part.dtype
    if part.shape[-2:] == (1, 1):
        mean = part.flatten().to(exact)
        return mean, torch.zeros_like(mean)
    mean = torch.zeros(part.shape[1], dtype=exact, device=part.device)
    variance = torch.ones_like(mean)
    # With momentum 1 this leaves the statistics here: by far the fastest kernel for them, and in
    # float32 for half-precision maps too.
    torch.batch_norm_update_stats(part, mean, variance, 1.0)
    return mean, variance


def merged_moments(found: Sequence[tuple[Tensor, Tensor]], counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of parts with so many pixels each (K,): mean and sum of squared deviations, (C,) each.

    In the dtype of `counts`. Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for
    computing sample variances, 1979.
    """
    means, variances = (torch.stack(values).to(counts.dtype) for values in zip(*found, strict=True))
    counts = counts[:, None]
    mean = (means * counts).sum(0) / counts.sum()
    deviations = (variances * (counts - 1) + (means - mean).square() * counts).sum(0)
    return mean, deviations


def map_moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """(1, C, H, W), best channels_last -> mean and biased variance, (C,), in float32 at least."""
    height, width = features.shape[2:]
    strips = torch.split(features, max(1, PART_PIXELS // width), dim=2)
    counts = torch.tensor([strip.shape[2] * width for strip in strips], dtype=torch.float64)
    found = [moments(strip) for strip in strips]
    mean, deviations = merged_moments(found, counts)
    exact = found[0][0].dtype
    return mean.to(exact), (deviations / (height * width)).to(exact)


class InstanceNorm(nn.Module):
    """Each channel of each image to mean 0 and variance 1 over its pixels, then scale and shift.

    (N, C, H, W) -> the same; Ulyanov et al., arXiv 1607.08022; eps 1e-5. No running statistics:
    training and inference are the same function.
    """

    def __init__(self, channels: int, eps: float = NORM_EPS) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, features: Tensor) -> Tensor:
        if features.device.type == "cpu" and features.is_contiguous(
            memory_format=torch.channels_last
        ):
            # PyTorch's instance norm copies a channels_last map to NCHW and back, forwards and
            # backwards. Batch norm has channels_last kernels, and over one image it is the same.
            parts = [self._normalize_one(image) for image in torch.split(features, 1)]
            return torch.cat(parts) if len(parts) > 1 else parts[0]
        weight, bias = self.weight.to(features.dtype), self.bias.to(features.dtype)
        return F.instance_norm(features, None, None, weight, bias, eps=self.eps)

    def _normalize_one(self, features: Tensor) -> Tensor:
        height, width = features.shape[2:]
        # compiled, the sums are the compiler's own
        if height * width <= LARGE_PIXELS or torch.compiler.is_compiling():
            return F.batch_norm(
                features, None, None, self.weight, self.bias, training=True, eps=self.eps
            )
        # of the dtype of the statistics, as the kernel wants them
        exact = torch.float32 if features.dtype.itemsize < 4 else features.dtype
        weight, bias = self.weight.to(exact), self.bias.to(exact)
        output: Tensor = _LargeNorm.apply(features, weight, bias, self.eps)[0]  # type: ignore[no-untyped-call]
        return output


class _LargeNorm(torch.autograd.Function):
    """Batch norm of one large image by statistics that are found part by part."""

    @staticmethod
    def forward(
        features: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = map_moments(features)
        output = F.batch_norm(features, mean, variance, weight, bias, training=False, eps=eps)
        return output, mean, (variance + eps).rsqrt()

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, float], output: tuple[Tensor, ...]
    ) -> None:
        features, weight, _, ctx.eps = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(features, weight, *output[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        features, weight, mean, scale = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[:3])
        of_features, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], features, weight, None, None, mean, scale, True, ctx.eps, wanted
        )
        return of_features, of_weight, of_bias, None
