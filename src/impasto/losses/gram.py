"""Style: do the same channels fire together, wherever in the image, as in the style image?"""

from typing import Any

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, feature_shape, is_channels_last


def gram_matrix(features: Tensor) -> Tensor:
    """Channel co-activations / (C*H*W), paper eq. 3: (N, C, H, W) -> (N, C, C).

        G[c, c'] = sum over h, w of features[c, h, w] * features[c', h, w] / (C*H*W)

    The result is symmetric, positive semi-definite and at least float32: half-precision features
    are accumulated in float32 (autocast or not), float64 stays float64. Either memory format is
    read in place. Differentiable twice. Raises OptionError unless `features` is a floating-point
    (N, C, H, W) tensor without empty dimensions.
    """
    return guided_gram(features, None, None)


def style_loss(features: Tensor, target: Tensor) -> Tensor:
    """Style reconstruction of one layer, paper eq. 4: (N, C, H, W), (N or 1, C, C) -> scalar >= 0.

        loss = || gram_matrix(features) - target ||_F^2, mean over the batch

    `target` is the Gram matrix of the style image's features, which may have any height and
    width: eq. 3 divides the size out. A target with a batch of one serves the whole batch. The
    paper sums the layers: sum the calls. Raises OptionError if the shapes do not fit.
    """
    return style_errors(gram_matrix(features), target).mean()


def style_errors(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of each item: (N, C, C) and (N or 1, C, C) -> (N,)."""
    if (
        target.dim() != 3
        or target.shape[1:] != gram.shape[1:]
        or target.shape[0] not in (1, gram.shape[0])
    ):
        raise OptionError(
            f"got a style target of shape {tuple(target.shape)} for Gram matrices of shape "
            f"{tuple(gram.shape)}; wanted (1, C, C) or (N, C, C): compute it with gram_matrix from "
            "the same layer of the same loss network"
        )
    return (gram - target.to(gram.dtype)).square().sum(dim=(1, 2))


def guided_gram(features: Tensor, guide: Tensor | None, positions: float | None) -> Tensor:
    """Sum over positions of (guide f)(guide f)^T / (C * positions): (N, C, H, W) -> (N, C, C).

    The guided Gram matrix of Gatys et al., arXiv 1611.07865, eq. 5, in the scale of eq. 3. guide:
    (1, 1, H, W), None for 1. positions: over how many the whole map goes, of which `features` may
    be a part; None: over these.
    """
    _, channels, height, width = feature_shape(features)
    own = features if guide is None else features * guide.to(features.dtype)
    scale = 1.0 / (channels * (positions or height * width))
    gram: Tensor = _Gram.apply(own, scale)  # type: ignore[no-untyped-call]
    return gram


class _Gram(torch.autograd.Function):
    """scale * F F^T, whose backward is one matrix product in the features' own memory format.

    Plain autograd would keep a float32 copy of half-precision features, multiply twice, and hand
    the gradient of channels_last features back in the wrong format.
    """

    @staticmethod
    def forward(features: Tensor, scale: float) -> Tensor:
        matrix = features.flatten(2)
        with torch.autocast(features.device.type, enabled=False):
            if matrix.dtype == torch.bfloat16 and matrix.is_cpu and _has_bfloat16_products():
                product = _bfloat16_product(matrix)
            elif matrix.is_cuda and matrix.dtype in (torch.bfloat16, torch.float16):
                # added up in float32 and left there, without a float32 copy of the features
                product = torch.bmm(matrix, matrix.transpose(1, 2), out_dtype=torch.float32)
            else:
                matrix = matrix.to(accumulation_dtype(matrix))
                product = torch.bmm(matrix, matrix.transpose(1, 2))
        return product.mul_(scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:  # noqa: ARG004
        features, ctx.scale = inputs
        ctx.save_for_backward(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        (gradient,) = gradients
        symmetric = (gradient + gradient.transpose(1, 2)) * ctx.scale
        if features.dtype == torch.bfloat16:
            # Same exponents as float32, and the result is rounded to bfloat16 anyway.
            symmetric = symmetric.to(torch.bfloat16)
        height, width = features.shape[2:]
        matrix = features.flatten(2).to(symmetric.dtype)
        with torch.autocast(features.device.type, enabled=False):
            if is_channels_last(features):
                # (N, H*W, C) in memory is (N, C, H, W) in channels_last: no copy back.
                rows = matrix.transpose(1, 2)
                product = _products(rows, symmetric).transpose(1, 2)
            else:
                product = _products(symmetric, matrix)
        return product.reshape(*product.shape[:2], height, width).to(features.dtype), None


def _bfloat16_product(matrix: Tensor) -> Tensor:
    """F F^T in float32 from a bfloat16 F, without a float32 copy of it: (N, C, M) -> (N, C, C).

    The processor adds up in float32, but PyTorch can only store the result in bfloat16. So
    multiply again, this time storing what the first result lacks: rounding that costs 2^-9 of a
    remainder which is itself 2^-9 of the product. Two such products take a sixth of the time of
    one in float32 (64 channels, 65,536 positions, Intel AMX, one thread).
    """
    products = []
    # One by one: the batched product copies a transposed operand, which takes ten times as long.
    for item in matrix:
        rounded = torch.mm(item, item.T)
        remainder = torch.addmm(rounded, item, item.T, beta=-1)
        products.append(rounded.float() + remainder)
    return torch.stack(products)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _has_bfloat16_products() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware, adding up in float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def _products(left: Tensor, right: Tensor) -> Tensor:
    """(N, R, K) times (N, K, C) -> (N, R, C)."""
    if left.device.type != "cpu":
        return torch.bmm(left, right)
    products = [torch.mm(one, other) for one, other in zip(left, right, strict=True)]
    return products[0].unsqueeze(0) if len(products) == 1 else torch.stack(products)
