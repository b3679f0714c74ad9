"""Networks that pytorch/examples' fast_neural_style trained."""

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.networks import StyleNetworkConfig, build_style_network

FORMAT: Final = "pytorch-examples"
_FILTERS = 32  # of the first layer, at width 1
# Their names, in the order of our layers; a residual block has two of each.
_ENDS = (("conv1", "in1"), ("conv2", "in2"), ("conv3", "in3"))
_UPS = (("deconv1", "in4"), ("deconv2", "in5"))
_LAST = "deconv3"
# Kept by InstanceNorm2d before PyTorch 0.4, and never used.
_STATISTICS = re.compile(r"(^|\.)in\d+\.(running_mean|running_var|num_batches_tracked)$")


def is_pytorch_examples(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are theirs."""
    return "conv1.conv2d.weight" in tensors and f"{_LAST}.conv2d.weight" in tensors


def convert_pytorch_examples(
    tensors: Mapping[str, Tensor],
) -> tuple[nn.Module, StyleNetworkConfig]:
    """A state_dict of theirs -> our network that paints the same pictures.

    Biases before an instance norm are left out, since it takes them out again. Raises ModelError
    for other names and shapes, and for values that are not finite.
    """
    given = {name: value for name, value in tensors.items() if not _STATISTICS.search(name)}
    blocks = len({name.split(".")[0] for name in given if re.match(r"res\d+\.", name)})
    first = given.get("conv1.conv2d.weight")
    if first is None or not is_pytorch_examples(given) or not 1 <= blocks <= 16:
        raise ModelError(
            "not a network of pytorch/examples' fast_neural_style: it has no "
            f"conv1.conv2d.weight, {_LAST}.conv2d.weight and res1 to res5; give the .pth or .model "
            "file that its training saved"
        )
    width = first.shape[0] / _FILTERS if first.ndim else 0.0
    if not 1 / 16 <= width <= 4:
        raise ModelError(f"a first layer of {first.shape[:1]} filters; wanted {_FILTERS}")
    config = StyleNetworkConfig(architecture=FORMAT, width=width, blocks=blocks)
    with torch.device("meta"):
        expected = build_style_network(config).state_dict()
    names = tensor_names(blocks)
    biases = {source.removesuffix("weight") + "bias" for source in names.values()}
    surplus = given.keys() - set(names.values()) - biases
    if surplus:
        raise ModelError(f"{min(surplus)} is not one of the tensors of pytorch/examples' network")
    state = {}
    for name, source in names.items():
        state[name] = _checked(given, source, expected[name].shape)
    network = build_style_network(config)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False), config


def tensor_names(blocks: int) -> dict[str, str]:
    """Our name of each tensor -> theirs."""
    layers = [(f"layers.{index}", *pair) for index, pair in enumerate(_ENDS)]
    for block in range(blocks):
        for part, number in (("first", 1), ("second", 2)):
            conv, norm = (f"res{block + 1}.{kind}{number}" for kind in ("conv", "in"))
            layers.append((f"layers.{len(_ENDS) + block}.{part}", conv, norm))
    start = len(_ENDS) + blocks
    layers += [(f"layers.{start + index}", *pair) for index, pair in enumerate(_UPS)]
    names = {}
    for ours, conv, norm in layers:
        names[f"{ours}.conv.weight"] = f"{conv}.conv2d.weight"
        names[f"{ours}.norm.weight"] = f"{norm}.weight"
        names[f"{ours}.norm.bias"] = f"{norm}.bias"
    last = f"layers.{start + len(_UPS)}.conv"
    return names | {f"{last}.{part}": f"{_LAST}.conv2d.{part}" for part in ("weight", "bias")}


def _checked(tensors: Mapping[str, Tensor], name: str, shape: torch.Size) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None:
        raise ModelError(f"{name} is missing")
    if tensor.shape != shape or not tensor.is_floating_point() or tensor.layout != torch.strided:
        raise ModelError(
            f"{name} is {tuple(tensor.shape)} {tensor.dtype}, wanted {tuple(shape)} floats"
        )
    if not torch.isfinite(tensor.float()).all():
        raise ModelError(f"{name} holds NaN or infinity")
    return tensor.float()
