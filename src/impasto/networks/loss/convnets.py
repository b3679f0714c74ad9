"""The loss networks that are no VGG: AlexNet, SqueezeNet 1.1, GoogLeNet.

AlexNet's layers are "relu1" ... "relu5". SqueezeNet's are "relu1" and "fire2" ... "fire9",
GoogLeNet's "relu1", "relu2" and "inception3a" ... "inception5b": a module's output is the
concatenation of its branches, each after its ReLU.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import Stage

# Index in torchvision's `features` -> (stride, padding); a 3x3 pool of stride 2 follows 0 and 3.
ALEXNET_CONVOLUTIONS = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
SQUEEZENET_FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # torchvision's indices; pools are 2, 5 and 8
GOOGLENET_BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")


class Fire(nn.Module):
    """SqueezeNet's module (Iandola et al. 2016): squeeze 1x1, then expand 1x1 beside 3x3."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str) -> None:
        super().__init__()
        self.squeeze = _conv_relu(tensors, f"{prefix}.squeeze")
        self.expand1x1 = _conv_relu(tensors, f"{prefix}.expand1x1")
        self.expand3x3 = _conv_relu(tensors, f"{prefix}.expand3x3")

    def forward(self, features: Tensor) -> Tensor:
        squeezed = self.squeeze(features)
        return torch.cat((self.expand1x1(squeezed), self.expand3x3(squeezed)), 1)


class Inception(nn.Module):
    """GoogLeNet's module (Szegedy et al. 2014): four branches, concatenated."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str) -> None:
        super().__init__()

        def branch(*names: str) -> list[nn.Module]:
            return [_conv_relu(tensors, f"{prefix}/{name}") for name in names]

        pool = Pool(kernel=3, stride=1, padding=1)
        self.branches = nn.ModuleList(
            [
                nn.Sequential(*branch("1x1")),
                nn.Sequential(*branch("3x3_reduce", "3x3")),
                nn.Sequential(*branch("5x5_reduce", "5x5")),
                nn.Sequential(pool, *branch("pool_proj")),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([branch(features) for branch in self.branches], 1)


class LocalResponseNorm(nn.Module):
    """Across 5 channels, alpha 1e-4, beta 0.75, k 1, as the BVLC networks were trained."""

    def forward(self, features: Tensor) -> Tensor:
        if features.dtype in (torch.bfloat16, torch.float16):
            features = features.float()  # squares of activations up to thousands
        return F.local_response_norm(features, 5, alpha=1e-4, beta=0.75, k=1.0)


def _conv_relu(
    tensors: Mapping[str, Tensor], prefix: str, *, stride: int = 1, padding: int | None = None
) -> ConvRelu:
    weight, bias = tensors[f"{prefix}.weight"], tensors[f"{prefix}.bias"]
    return ConvRelu(weight, bias, stride=stride, padding=padding)


def alexnet_stages(tensors: Mapping[str, Tensor]) -> list[Stage]:
    """torchvision's AlexNet ("One weird trick", Krizhevsky 2014), as deep as `tensors` reach."""
    stages = []
    for number, (index, (stride, padding)) in enumerate(ALEXNET_CONVOLUTIONS.items(), start=1):
        prefix = f"features.{index}"
        if f"{prefix}.weight" not in tensors:
            break
        if index in (3, 6):
            stages.append(Stage(Pool(kernel=3)))
        body = _conv_relu(tensors, prefix, stride=stride, padding=padding)
        stages.append(Stage(body, f"relu{number}"))
    return stages


def squeezenet_stages(tensors: Mapping[str, Tensor]) -> list[Stage]:
    """SqueezeNet 1.1 (torchvision's key names), as deep as `tensors` reach."""
    stages = [Stage(_conv_relu(tensors, "features.0", stride=2, padding=0), "relu1")]
    for number, index in enumerate(SQUEEZENET_FIRES, start=2):
        prefix = f"features.{index}"
        if f"{prefix}.squeeze.weight" not in tensors:
            break
        if index in (3, 6, 9):
            stages.append(Stage(Pool(kernel=3, ceil=True)))
        stages.append(Stage(Fire(tensors, prefix), f"fire{number}"))
    return stages


def googlenet_stages(tensors: Mapping[str, Tensor]) -> list[Stage]:
    """BVLC GoogLeNet (Caffe's key names), as deep as `tensors` reach."""
    stages = [
        Stage(_conv_relu(tensors, "conv1/7x7_s2", stride=2), "relu1"),
        Stage(Pool(kernel=3, ceil=True)),
        Stage(LocalResponseNorm()),
        Stage(_conv_relu(tensors, "conv2/3x3_reduce")),
        Stage(_conv_relu(tensors, "conv2/3x3"), "relu2"),
        Stage(LocalResponseNorm()),
    ]
    for block in GOOGLENET_BLOCKS:
        prefix = f"inception_{block}"
        if f"{prefix}/1x1.weight" not in tensors:
            break
        if block in ("3a", "4a", "5a"):
            stages.append(Stage(Pool(kernel=3, ceil=True)))
        stages.append(Stage(Inception(tensors, prefix), f"inception{block}"))
    return stages
