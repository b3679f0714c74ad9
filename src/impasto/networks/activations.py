"""The output layer of transformation networks; and ReLU for bfloat16 on CPUs.

PyTorch's own ReLU takes five times as long as a copy there.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def scaled_tanh(features: Tensor, gain: float = 1.0) -> Tensor:
    """Last convolution -> pixels, (1 + gain * tanh) / 2, in float32 at least (paper, 3.1).

    With `gain` 1 the pixels lie in [0, 1]; above 1 they may pass it by (gain - 1) / 2.
    """
    # 8 bits of mantissa are too few for 8-bit pixels: leave half precision before the last step
    if features.dtype in (torch.bfloat16, torch.float16):
        features = features.float()
    return torch.tanh(features) * (gain / 2) + 0.5


def relu(features: Tensor) -> Tensor:
    """max(features, 0), of any shape, type and memory format; differentiable as often as wished.

    The numbers are those of `torch.nn.functional.relu`, save that in bfloat16 on a CPU a NaN
    whose sign bit is set may become 0.
    """
    plain = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if plain or features.dtype != torch.bfloat16 or features.device.type != "cpu":
        return F.relu(features)
    positive: Tensor = _Relu.apply(features)  # type: ignore[no-untyped-call]
    return positive


class _Relu(torch.autograd.Function):
    """The larger of 0 and a bfloat16, both read as integers.

    That keeps the sign, and takes a sixth of the time: PyTorch widens every bfloat16 to float32
    and rounds it again. The same for the gradient, which takes a quarter.
    """

    @staticmethod
    def forward(features: Tensor) -> Tensor:
        positive: Tensor = features.view(torch.int16).clamp_min(0)
        return positive.view(torch.bfloat16)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (output,) = ctx.saved_tensors
        gated: Tensor = _Gate.apply(gradients[0], output)  # type: ignore[no-untyped-call]
        return gated


class _Gate(torch.autograd.Function):
    """The gradient where the output is above 0, else 0."""

    @staticmethod
    def forward(gradient: Tensor, output: Tensor) -> Tensor:
        bits = gradient.to(torch.bfloat16).view(torch.int16)
        gated: Tensor = torch.ops.aten.threshold_backward(bits, output.view(torch.int16), 0)
        return gated.view(torch.bfloat16)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        gated: Tensor = _Gate.apply(gradients[0], output)  # type: ignore[no-untyped-call]
        return gated, None
