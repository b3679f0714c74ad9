"""Networks of other projects -> their plans, see `rewrite`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from impasto.networks.imported import (
    EXAMPLES_MIN_SIDE,
    LENGSTROM_GAIN,
    LENGSTROM_MIN_SIDE,
    LENGSTROM_STRIDE,
    ExamplesStyleNetwork,
    LengstromStyleNetwork,
    SamePadded,
    SamePaddedBlock,
)
from impasto.plans import plan
from impasto.plans.kernels import striding_kernel
from impasto.plans.layout_plan import LAST_FACTOR, plan_of_layout
from impasto.plans.plan import INPUT_SCALE, Floats, Plan, Step

Tensors = Mapping[str, Floats]


def examples_plan(
    network: ExamplesStyleNetwork, tensors: Tensors, *, subpixel: bool
) -> Iterator[Step]:
    """As the modern network's; its first and its last convolution know other pixels."""
    mirror, first, norm, *middle, _, _, shuffle, fit = plan_of_layout(
        network.layout, tensors, subpixel=subpixel
    )
    assert isinstance(mirror, plan.Mirror)
    assert isinstance(first, plan.Convolve)
    assert isinstance(norm, plan.Normalise)
    yield replace(mirror, multiple=1, least=EXAMPLES_MIN_SIDE)
    yield from _first(tensors["layers.0.conv.weight"], norm)
    yield from middle
    last = f"layers.{len(network.layout) - 1}.conv"
    weight, bias = tensors[f"{last}.weight"], tensors[f"{last}.bias"]
    yield plan.Convolve(
        weight=striding_kernel(weight / INPUT_SCALE, LAST_FACTOR),
        # centred, where half precision is finest
        bias=(bias / INPUT_SCALE - 0.5).repeat(LAST_FACTOR**2),
        stride=LAST_FACTOR,
    )
    yield plan.Squash(scale=1.0, shift=0.5, sigmoid=False)
    yield shuffle
    yield fit


def lengstrom_plan(network: LengstromStyleNetwork, tensors: Tensors) -> Iterator[Step]:
    """The borders are zeros; transposed convolutions become four kernels of 2 x 2."""
    yield plan.Mirror(multiple=LENGSTROM_STRIDE, least=LENGSTROM_MIN_SIDE)
    last = len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        name = f"layers.{index}"
        if isinstance(layer, SamePaddedBlock):
            first = _same_padded(f"{name}.first", layer.first, tensors)
            second = _same_padded(f"{name}.second", layer.second, tensors)
            yield plan.Residual(body=(*first, *second))
            continue
        assert isinstance(layer, SamePadded)
        steps = _same_padded(name, layer, tensors)
        if index == 0:
            pad, convolve, norm, *rest = steps
            assert isinstance(convolve, plan.Convolve)
            assert isinstance(norm, plan.Normalise)
            steps = (pad, *_first(convolve.weight, norm), *rest)
        elif index == last:
            *rest, norm = steps
            assert isinstance(norm, plan.Normalise)
            # (1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2
            steps = (*rest, replace(norm, weight=norm.weight * 2, bias=norm.bias * 2))
        yield from steps
    yield plan.Squash(scale=LENGSTROM_GAIN, shift=(1 - LENGSTROM_GAIN) / 2)
    yield plan.Fit()


def _first(weight: Floats, norm: plan.Normalise) -> Plan:
    """The norm takes any factor out again: that of a level keeps sums small for half precision."""
    small = plan.Convolve(weight=weight / INPUT_SCALE)
    return small, replace(norm, eps=norm.eps / INPUT_SCALE**2)


def _same_padded(name: str, layer: SamePadded, tensors: Tensors) -> Plan:
    weight = tensors[f"{name}.conv.weight"]
    norm = plan.Normalise(
        weight=tensors[f"{name}.norm.weight"],
        bias=tensors[f"{name}.norm.bias"],
        eps=layer.norm.eps,
    )
    relu = (plan.Relu(),) if layer.relu else ()
    if layer.transposed:
        pad = plan.Pad(before=1, after=0, mode="constant")
        kernel = plan.Convolve(weight=_transposed_kernel(weight))
        return pad, kernel, plan.Shuffle(), norm, *relu
    pad = plan.Pad(before=layer.before, after=layer.after, mode="constant")
    return pad, plan.Convolve(weight=weight, stride=layer.conv.stride[0]), norm, *relu


def _transposed_kernel(weight: Floats) -> Floats:
    """Transposed 3 x 3, stride 2, cropped at its end: (C, O, 3, 3) -> (4 O, C, 2, 2), shuffled.

    The map has a row and a column of zeros in front. The even pixel 2i sees sample i - 1 by tap 2
    and i by tap 0, the odd one i by tap 1.
    """
    channels, outputs = weight.shape[:2]
    taps = ((0, 0, 2), (0, 1, 0), (1, 1, 1))
    phases = np.zeros((outputs, 2, 2, channels, 2, 2), weight.dtype)
    for row_phase, row, row_tap in taps:
        for column_phase, column, column_tap in taps:
            part = weight[:, :, row_tap, column_tap].T
            phases[:, row_phase, column_phase, :, row, column] = part
    kernel: Floats = phases.reshape(4 * outputs, channels, 2, 2)
    return kernel
