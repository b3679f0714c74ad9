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
from impasto.networks.loss.network import Shape, Stage

# AlexNet: index in torchvision's `features` -> channels, kernel, stride, padding; a 3x3 pool of
# stride 2 follows 0 and 3.
ALEXNET = {
    0: (64, 11, 4, 2),
    3: (192, 5, 1, 2),
    6: (384, 3, 1, 1),
    8: (256, 3, 1, 1),
    10: (256, 3, 1, 1),
}
# SqueezeNet: torchvision's indices of the fires (pools are 2, 5 and 8) -> channels that they
# squeeze to; a fire expands to four times that, twice.
SQUEEZENET = {3: 16, 4: 16, 6: 32, 7: 32, 9: 48, 10: 48, 11: 64, 12: 64}
# GoogLeNet, per block: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection (Szegedy et al.,
# table 1).
GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


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
    for number, (index, (_, _, stride, padding)) in enumerate(ALEXNET.items(), start=1):
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
    for number, index in enumerate(SQUEEZENET, start=2):
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
    for block in GOOGLENET:
        prefix = f"inception_{block}"
        if f"{prefix}/1x1.weight" not in tensors:
            break
        if block in ("3a", "4a", "5a"):
            stages.append(Stage(Pool(kernel=3, ceil=True)))
        stages.append(Stage(Inception(tensors, prefix), f"inception{block}"))
    return stages


def alexnet_shapes() -> dict[str, Shape]:
    """Prefix of each convolution -> shape (O, I, k, k) of its weight, shallow -> deep."""
    shapes: dict[str, Shape] = {}
    channels = 3
    for index, (wide, kernel, _, _) in ALEXNET.items():
        shapes[f"features.{index}"] = (wide, channels, kernel, kernel)
        channels = wide
    return shapes


def squeezenet_shapes() -> dict[str, Shape]:
    """The same of SqueezeNet 1.1."""
    shapes: dict[str, Shape] = {"features.0": (64, 3, 3, 3)}
    channels = 64
    for index, narrow in SQUEEZENET.items():
        shapes[f"features.{index}.squeeze"] = (narrow, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (4 * narrow, narrow, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (4 * narrow, narrow, 3, 3)
        channels = 8 * narrow
    return shapes


def googlenet_shapes() -> dict[str, Shape]:
    """The same of GoogLeNet."""
    shapes: dict[str, Shape] = {
        "conv1/7x7_s2": (64, 3, 7, 7),
        "conv2/3x3_reduce": (64, 64, 1, 1),
        "conv2/3x3": (192, 64, 3, 3),
    }
    channels = 192
    for block, (one, reduce3, three, reduce5, five, pool) in GOOGLENET.items():
        shapes[f"inception_{block}/1x1"] = (one, channels, 1, 1)
        shapes[f"inception_{block}/3x3_reduce"] = (reduce3, channels, 1, 1)
        shapes[f"inception_{block}/3x3"] = (three, reduce3, 3, 3)
        shapes[f"inception_{block}/5x5_reduce"] = (reduce5, channels, 1, 1)
        shapes[f"inception_{block}/5x5"] = (five, reduce5, 5, 5)
        shapes[f"inception_{block}/pool_proj"] = (pool, channels, 1, 1)
        channels = one + three + five + pool
    return shapes
