"""A style network -> the plan of the same function with less to do.

What is rewritten, all of it exact: see `layout_plan`, for networks that are made of a layout. Of
the paper's network a bias before an instance norm is dropped, since the norm removes it; batch norm
goes into the kernel before it; transposed convolutions become four kernels of 2 x 2.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.networks import FastStyleNetwork, ModernStyleNetwork, PaperStyleNetwork
from impasto.networks.imported import ExamplesStyleNetwork, LengstromStyleNetwork
from impasto.networks.paper import BORDER_PX, STRIDE, CroppedResidualBlock
from impasto.plans import plan
from impasto.plans.imported_plan import examples_plan, lengstrom_plan
from impasto.plans.kernels import fold_input, fold_scale, fractional_kernel
from impasto.plans.layout_plan import entered, last_steps, plan_of_layout
from impasto.plans.plan import INPUT_SCALE, Floats, Plan, Step


def rewrite(network: nn.Module, *, subpixel: bool = True, split: bool = False) -> Plan:
    """The plan of a style network in eval mode; its arrays are new, in the network's dtype.

    subpixel: up-sample the `modern` network's maps by `doubling_kernel`. In half precision its
    summed taps round differently for the four pixels of a group, which shows as a fine chequer:
    pass False there. split: the plan takes parts of levels apart, see `to_levels`. Raises
    ModelError for networks without a plan.
    """
    if isinstance(network, ModernStyleNetwork | FastStyleNetwork):
        tensors = _arrays(network)
        return plan_of_layout(network.layout, tensors, subpixel=subpixel, split=split)
    if isinstance(network, ExamplesStyleNetwork):
        steps = tuple(examples_plan(network, _arrays(network), subpixel=subpixel))
        return entered(steps, split=split)
    if isinstance(network, LengstromStyleNetwork):
        return entered(tuple(lengstrom_plan(network, _arrays(network))), split=split)
    if isinstance(network, PaperStyleNetwork):
        return entered(tuple(_paper(network)), split=split)
    raise ModelError(
        f"no plan for a network of type {type(network).__name__}; the engine takes the modern, "
        "the fast and the paper network"
    )


def _paper(network: PaperStyleNetwork) -> Iterator[Step]:
    layers = list(network.layers)
    yield plan.Mirror(border=BORDER_PX, multiple=STRIDE, least=1)
    for index, layer in enumerate(layers):
        following = layers[index + 1] if index + 1 < len(layers) else None
        if isinstance(layer, CroppedResidualBlock):
            one, norm_one, _, two, norm_two = layer.body
            body = chain(_unpadded(one, norm_one, relu=True), _unpadded(two, norm_two, relu=False))
            yield plan.Residual(body=tuple(body), crop=2)
        elif isinstance(layer, nn.ConvTranspose2d):
            yield plan.Pad(before=0, after=1, mode="constant")
            weight, bias = _fold_norm(
                _array(layer.weight).swapaxes(0, 1), _bias_of(layer), following
            )
            kernel = fractional_kernel(weight.swapaxes(0, 1))
            yield plan.Convolve(weight=kernel, bias=_kept(bias.repeat(4), following))
            yield plan.Shuffle()
            yield from _normalised(following, relu=True)
        elif isinstance(layer, nn.Conv2d):
            yield plan.Pad(
                before=layer.kernel_size[0] // 2,
                after=layer.kernel_size[0] // 2,
                mode="constant",
                value=INPUT_SCALE / 2 if index == 0 else 0.0,  # the zero of [-1, 1]
            )
            if following is None:
                yield from last_steps(_array(layer.weight), _bias_of(layer), gain=1.0)
            else:
                scale, shift = (2 / INPUT_SCALE, -1.0) if index == 0 else (1.0, 0.0)
                yield from _unpadded(layer, following, relu=True, scale=scale, shift=shift)


def _unpadded(
    conv: nn.Module, norm: nn.Module, *, relu: bool, scale: float = 1.0, shift: float = 0.0
) -> Iterator[Step]:
    assert isinstance(conv, nn.Conv2d)
    weight, bias = fold_input(_array(conv.weight), _bias_of(conv), scale, shift)
    weight, bias = _fold_norm(weight, bias, norm)
    yield plan.Convolve(weight=weight, bias=_kept(bias, norm), stride=conv.stride[0])
    yield from _normalised(norm, relu=relu)


def _fold_norm(weight: Floats, bias: Floats, norm: nn.Module | None) -> tuple[Floats, Floats]:
    """A batch norm by its running statistics goes into the kernel; others stay."""
    if not isinstance(norm, nn.BatchNorm2d):
        return weight, bias
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    shift = _array(norm.bias) - _array(norm.running_mean) * scale
    return fold_scale(weight, bias, scale, shift)


def _normalised(norm: nn.Module | None, *, relu: bool) -> Iterator[Step]:
    """Instance norm and ReLU; a batch norm is in the kernel already."""
    if isinstance(norm, nn.InstanceNorm2d):
        yield plan.Normalise(weight=_array(norm.weight), bias=_array(norm.bias), eps=norm.eps)
    if relu:
        yield plan.Relu()


def _kept(bias: Floats, norm: nn.Module | None) -> Floats | None:
    return None if isinstance(norm, nn.InstanceNorm2d) else bias


def _bias_of(conv: nn.Conv2d | nn.ConvTranspose2d) -> Floats:
    zeros = torch.zeros(conv.out_channels, dtype=conv.weight.dtype)
    return _array(zeros if conv.bias is None else conv.bias)


def _arrays(network: nn.Module) -> dict[str, Floats]:
    return {name: _array(tensor) for name, tensor in network.state_dict().items()}


def _array(tensor: Tensor) -> Floats:
    """A copy, on the CPU: a plan must not change with its network."""
    return np.array(tensor.detach().cpu().numpy())
