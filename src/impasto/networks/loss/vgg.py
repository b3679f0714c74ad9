"""VGG-16 and VGG-19 (Simonyan & Zisserman 2014), plain, activation-normalised and distilled.

Layers are "relu1_1" ... "relu5_3" (VGG-16) or "relu5_4" (VGG-19).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from impasto.networks.loss.blocks import ConvRelu, Padding, Pool, Pooling
from impasto.networks.loss.network import Shape, Stage

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
DISTILLED_CHANNELS = (16, 32, 64, 128, 128)


def vgg_positions(architecture: str) -> dict[str, int]:
    """Names "1_1", "1_2", ... -> the index in torchvision's `features`, shallow -> deep."""
    positions = {}
    index = 0
    for block, count in enumerate(BLOCKS[architecture], start=1):
        for place in range(1, count + 1):
            positions[f"{block}_{place}"] = index
            index += 2  # the ReLU has an index too
        index += 1  # and so has the pool
    return positions


def vgg_shapes(architecture: str) -> dict[str, Shape]:
    """Prefix of each convolution -> shape (O, I, k, k) of its weight."""
    shapes: dict[str, Shape] = {}
    channels = 3
    for place, index in vgg_positions(architecture).items():
        wide = CHANNELS[int(place[0]) - 1]
        shapes[f"features.{index}"] = (wide, channels, 3, 3)
        channels = wide
    return shapes


def distilled_shapes() -> dict[str, Shape]:
    """The same of `distilled_stages`; an "aux" is the head that widens a layer."""
    shapes: dict[str, Shape] = {"conv0": (3, 3, 1, 1)}
    channels = 3
    for place in vgg_positions("vgg19"):
        block = int(place[0]) - 1
        wide = DISTILLED_CHANNELS[block]
        name = "conv" + place.replace("_", "")
        shapes[name] = (wide, channels, 3, 3)
        if place.endswith("_1"):
            shapes[f"{name}_aux"] = (CHANNELS[block], wide, 1, 1)
        channels = wide
        if place == "5_1":
            break
    return shapes


def vgg_stages(
    architecture: str,
    tensors: Mapping[str, Tensor],
    *,
    mode: Padding = "zeros",
    pooling: Pooling = "max",
) -> list[Stage]:
    """Stages of a plain or normalised VGG as deep as `tensors` ("features.N.weight") reach."""
    keys = {place: f"features.{index}" for place, index in vgg_positions(architecture).items()}
    return _stages(keys, tensors, mode, pooling, heads=False)


def distilled_stages(tensors: Mapping[str, Tensor], *, pooling: Pooling = "max") -> list[Stage]:
    """VGG-19 at 1/16 of its parameters; 1x1 heads give the full network's relu1_1 ... relu5_1.

    Wang et al., Collaborative Distillation for Ultra-Resolution Universal Style Transfer,
    CVPR 2020. The last block stops at 5_1.
    """
    keys = {place: "conv" + place.replace("_", "") for place in vgg_positions("vgg19")}
    return _stages(keys, tensors, "reflect", pooling, heads=True)


def _stages(
    keys: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    mode: Padding,
    pooling: Pooling,
    *,
    heads: bool,
) -> list[Stage]:
    """A pooling before each block but the first. heads: what has none is no layer."""
    stages: list[Stage] = []
    for place, key in keys.items():
        if f"{key}.weight" not in tensors:
            break
        if place.endswith("_1") and stages:
            stages.append(Stage(Pool(kind=pooling)))
        body = ConvRelu(tensors[f"{key}.weight"], tensors[f"{key}.bias"], mode=mode)
        if heads and f"{key}_aux.weight" not in tensors:
            stages.append(Stage(body))
            continue
        head = ConvRelu(tensors[f"{key}_aux.weight"], tensors[f"{key}_aux.bias"]) if heads else None
        stages.append(Stage(body, f"relu{place}", head))
    return stages


def fold_preprocessing(
    weight: Tensor, matrix: Tensor, offset: Tensor
) -> tuple[Tensor, tuple[float, ...]]:
    """Fold a 1x1 preprocessing convolution (3, 3, 1, 1) into the 3x3 `weight` that follows it.

    Returns the new weight and the colour to subtract first: pre(x) = matrix (x - mean) with
    mean = -matrix^-1 offset, so that no large bias is left to cancel a large product. Exact, since
    reflection padding commutes with a 1x1 convolution; in double precision.
    """
    square = matrix.double().reshape(3, 3)
    mean = -torch.linalg.solve(square, offset.double())
    folded = torch.einsum("ocyx,ci->oiyx", weight.double(), square)
    return folded.float(), tuple(mean.tolist())
