"""Instance normalisation, the one place that decides which kernel runs it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.layout import NORM_EPS


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
        return F.batch_norm(
            features, None, None, self.weight, self.bias, training=True, eps=self.eps
        )
