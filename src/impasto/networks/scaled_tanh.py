"""The output layer of every transformation network."""

import torch
from torch import Tensor


def scaled_tanh(features: Tensor, gain: float = 1.0) -> Tensor:
    """Last convolution -> pixels, (1 + gain * tanh) / 2, in float32 at least (paper, 3.1).

    With `gain` 1 the pixels lie in [0, 1]; above 1 they may pass it by (gain - 1) / 2.
    """
    # 8 bits of mantissa are too few for 8-bit pixels: leave half precision before the last step
    if features.dtype in (torch.bfloat16, torch.float16):
        features = features.float()
    return torch.tanh(features) * (gain / 2) + 0.5
