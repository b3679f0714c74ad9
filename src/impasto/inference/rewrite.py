"""A style network -> the plan of the same function with less to do.

What is rewritten, all of it exact: [0, 1] -> [-1, 1] goes into the first kernel; a bias before an
instance norm is dropped, since the norm removes it; batch norm goes into the kernel before it; the
mirroring of odd sizes and the first layer's border are done once; up-sampling runs at the small
size in kernels of 2 x 2; the last layer makes 2 x 2 pixels at a time; the factor in tanh and its
scale to pixels go into the last kernel and a sigmoid.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.inference import plan
from impasto.inference.kernels import (
    doubling_kernel,
    fold_batch_norm,
    fold_input,
    fractional_kernel,
    striding_kernel,
)
from impasto.inference.plan import INPUT_SCALE, Plan, Step
from impasto.networks import ModernStyleNetwork, PaperStyleNetwork
from impasto.networks.modern import MIN_SIDE, OUTPUT_GAIN, STRIDE, ConvLayer, ResidualBlock
from impasto.networks.normalization import InstanceNorm
from impasto.networks.paper import BORDER_PX, CroppedResidualBlock

# Of pixels made at a time by the last layer: measured, see docs/performance.md.
LAST_FACTOR = 2


def rewrite(network: nn.Module, *, subpixel: bool = True, split: bool = False) -> Plan:
    """The plan of a style network in eval mode; its tensors are new, in the network's dtype.

    subpixel: up-sample the `modern` network's maps by `doubling_kernel`. In half precision its
    summed taps round differently for the four pixels of a group, which shows as a fine chequer:
    pass False there. split: the plan takes parts of levels apart, see `to_levels`. Raises
    ModelError for networks other than `modern` and `paper`.
    """
    with torch.no_grad():
        if isinstance(network, ModernStyleNetwork):
            return _entered(tuple(_modern(network, subpixel=subpixel)), split)
        if isinstance(network, PaperStyleNetwork):
            return _entered(tuple(_paper(network)), split)
    raise ModelError(
        f"no plan for a network of type {type(network).__name__}; the engine takes the modern and "
        "the paper network"
    )


def _entered(steps: Plan, split: bool) -> Plan:
    """The first kernel twice, for whole levels and for parts of them, if they come `split`."""
    if not split:
        return steps
    first = next(index for index, step in enumerate(steps) if isinstance(step, plan.Convolve))
    before = tuple(
        # half of the constant for each of the two kernels
        replace(step, value=step.value / 2) if isinstance(step, plan.Pad) else step
        for step in steps[:first]
    )
    step = steps[first]
    assert isinstance(step, plan.Convolve)
    twice = replace(step, weight=torch.cat([step.weight, step.weight], dim=1))
    return (*before, twice, *steps[first + 1 :])


def _modern(network: ModernStyleNetwork, *, subpixel: bool) -> Iterator[Step]:
    first, *middle, last = network.layers
    assert isinstance(first, ConvLayer)
    assert isinstance(last, ConvLayer)
    yield plan.Mirror(multiple=STRIDE, least=MIN_SIDE, outer=first.pad)
    # The shift to [-1, 1] is a constant, which the norm removes.
    yield plan.Convolve(weight=first.conv.weight * (2 / INPUT_SCALE))
    yield from _normalised(first.norm, relu=first.relu)
    for layer in middle:
        if isinstance(layer, ResidualBlock):
            body = chain(_layer(layer.first, subpixel), _layer(layer.second, subpixel))
            yield plan.Residual(body=tuple(body))
        else:
            assert isinstance(layer, ConvLayer)
            yield from _layer(layer, subpixel)
    yield plan.Pad(before=last.pad, after=last.pad, mode="reflect")
    yield from _last(last.conv, OUTPUT_GAIN)


def _layer(layer: ConvLayer, subpixel: bool) -> Iterator[Step]:
    conv = layer.conv
    if layer.upsample == 1 or not subpixel:
        if layer.upsample > 1:
            yield plan.Enlarge()
        yield plan.Pad(before=layer.pad, after=layer.pad, mode="reflect")
        yield plan.Convolve(weight=conv.weight.clone(), stride=conv.stride[0])
    else:
        yield plan.Pad(before=1, after=1, mode="replicate")
        yield plan.Convolve(weight=doubling_kernel(conv.weight))
        yield plan.Shuffle()
        yield plan.Crop(border=1)
    yield from _normalised(layer.norm, relu=layer.relu)


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
            kernel, bias = fractional_kernel(layer.weight), _bias_of(layer).repeat_interleave(4)
            if isinstance(following, nn.BatchNorm2d):
                folded, bias = fold_batch_norm(layer.weight.transpose(0, 1), layer.bias, following)
                kernel = fractional_kernel(folded.transpose(0, 1))
                bias = bias.repeat_interleave(4)
            yield plan.Convolve(weight=kernel, bias=_kept(bias, following))
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
                yield from _last(layer, 1.0)
            else:
                scale, shift = (2 / INPUT_SCALE, -1.0) if index == 0 else (1.0, 0.0)
                yield from _unpadded(layer, following, relu=True, scale=scale, shift=shift)


def _unpadded(
    conv: nn.Module, norm: nn.Module, *, relu: bool, scale: float = 1.0, shift: float = 0.0
) -> Iterator[Step]:
    assert isinstance(conv, nn.Conv2d)
    weight, bias = fold_input(conv.weight, conv.bias, scale, shift)
    if isinstance(norm, nn.BatchNorm2d):
        weight, bias = fold_batch_norm(weight, bias, norm)
    yield plan.Convolve(weight=weight, bias=_kept(bias, norm), stride=conv.stride[0])
    yield from _normalised(norm, relu=relu)


def _last(conv: nn.Conv2d, gain: float) -> Iterator[Step]:
    """(1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2."""
    yield plan.Convolve(
        weight=striding_kernel(conv.weight * 2, LAST_FACTOR),
        bias=(_bias_of(conv) * 2).repeat_interleave(LAST_FACTOR**2),
        stride=LAST_FACTOR,
    )
    # Before the shuffle: a runtime can do it to the convolution's sums, which are in float32.
    yield plan.Squash(scale=gain, shift=(1 - gain) / 2)
    yield plan.Shuffle(factor=LAST_FACTOR)
    yield plan.Fit()


def _normalised(norm: nn.Module | None, *, relu: bool) -> Iterator[Step]:
    """Instance norm and ReLU; a batch norm is in the kernel already."""
    if isinstance(norm, InstanceNorm | nn.InstanceNorm2d):
        weight, bias = norm.weight.clone(), norm.bias.clone()
        yield plan.Normalise(weight=weight, bias=bias, eps=norm.eps)
    if relu:
        yield plan.Relu()


def _kept(bias: Tensor, norm: nn.Module | None) -> Tensor | None:
    return None if isinstance(norm, nn.InstanceNorm2d) else bias


def _bias_of(conv: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    return conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias
