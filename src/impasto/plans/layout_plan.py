"""A layout and its tensors -> the plan of the same function with less to do. Never imports torch.

What is rewritten, all of it exact: [0, 1] -> [-1, 1] goes into the first kernel; the mirroring of
odd sizes and the first layer's border are done once; up-sampling runs at the small size in kernels
of 2 x 2; the last layer makes 2 x 2 pixels at a time; the factor in tanh and its scale to pixels go
into the last kernel and a sigmoid.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

import numpy as np

from impasto.networks.layout import (
    MIN_SIDE,
    NORM_EPS,
    OUTPUT_GAIN,
    STRIDE,
    Block,
    Conv,
    Layout,
)
from impasto.plans import plan
from impasto.plans.kernels import doubling_kernel, striding_kernel
from impasto.plans.plan import INPUT_SCALE, Floats, Plan, Step

# Of pixels made at a time by the last layer: measured, see docs/performance.md.
LAST_FACTOR = 2
_COLORS = 3

Tensors = Mapping[str, Floats]


def plan_of_layout(
    layout: Layout, tensors: Tensors, *, subpixel: bool = True, split: bool = False
) -> Plan:
    """The plan of a network that keeps `layout` in `layers`, with its tensors by their names.

    The options are those of `rewrite`.
    """
    return entered(tuple(_steps(layout, tensors, subpixel=subpixel)), split=split)


def entered(steps: Plan, *, split: bool) -> Plan:
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
    twice = replace(step, weight=np.concatenate([step.weight, step.weight], axis=1))
    return (*before, twice, *steps[first + 1 :])


def last_steps(weight: Floats, bias: Floats, gain: float) -> Iterator[Step]:
    """The last convolution, on a map with its border: colours, or blocks of them to be shuffled.

    (1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2.
    """
    weight, bias, stride = weight * 2, bias * 2, 1
    factor = round((len(weight) / _COLORS) ** 0.5)
    if factor == 1:
        factor = stride = LAST_FACTOR
        weight, bias = striding_kernel(weight, factor), bias.repeat(factor**2)
    yield plan.Convolve(weight=weight, bias=bias, stride=stride)
    # Before the shuffle: a runtime can do it to the convolution's sums, which are in float32.
    yield plan.Squash(scale=gain, shift=(1 - gain) / 2)
    yield plan.Shuffle(factor=factor)
    yield plan.Fit()


def _steps(layout: Layout, tensors: Tensors, *, subpixel: bool) -> Iterator[Step]:
    first, *middle, last = layout
    assert isinstance(first, Conv)
    assert isinstance(last, Conv)
    yield plan.Mirror(multiple=STRIDE, least=MIN_SIDE, outer=first.pad)
    # The shift to [-1, 1] is a constant, which the norm removes.
    weight = tensors["layers.0.conv.weight"] * (2 / INPUT_SCALE)
    yield plan.Convolve(weight=weight, stride=first.stride)
    yield from _after("layers.0", first, tensors)
    for index, layer in enumerate(middle, 1):
        name = f"layers.{index}"
        if isinstance(layer, Block):
            bodies = (
                _layer(f"{name}.{part}", conv, tensors, subpixel)
                for part, conv in layer.layers.items()
            )
            yield plan.Residual(body=tuple(chain.from_iterable(bodies)))
        else:
            yield from _layer(name, layer, tensors, subpixel)
    name = f"layers.{len(layout) - 1}"
    yield plan.Pad(before=last.pad, after=last.pad, mode="reflect")
    yield from last_steps(tensors[f"{name}.conv.weight"], tensors[f"{name}.conv.bias"], OUTPUT_GAIN)


def _layer(name: str, conv: Conv, tensors: Tensors, subpixel: bool) -> Iterator[Step]:
    if conv.bare:
        yield plan.Convolve(weight=tensors[f"{name}.weight"], stride=conv.stride)
        return
    weight = tensors[f"{name}.conv.weight"]
    if conv.upsample == 1 or not subpixel:
        if conv.upsample > 1:
            yield plan.Enlarge()
        yield plan.Pad(before=conv.pad, after=conv.pad, mode="reflect")
        yield plan.Convolve(weight=weight, stride=conv.stride)
    else:
        yield plan.Pad(before=1, after=1, mode="replicate")
        yield plan.Convolve(weight=doubling_kernel(weight))
        yield plan.Shuffle()
        yield plan.Crop(border=1)
    yield from _after(name, conv, tensors)


def _after(name: str, conv: Conv, tensors: Tensors) -> Iterator[Step]:
    if conv.norm:
        weight, bias = tensors[f"{name}.norm.weight"], tensors[f"{name}.norm.bias"]
        yield plan.Normalise(weight=weight, bias=bias, eps=NORM_EPS)
    if conv.relu:
        yield plan.Relu()
