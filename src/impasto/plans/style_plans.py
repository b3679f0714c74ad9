"""Style networks, and decoders of features, as plans: from a config and its tensors. Never torch.

What is rewritten, all of it exact: [0, 1] -> [-1, 1] goes into the first kernel; the mirroring of
odd sizes and the first layer's border are done once; up-sampling runs at the small size in kernels
of 2 x 2; the last layer makes 2 x 2 pixels at a time; the factor in tanh and its scale to pixels go
into the last kernel and a sigmoid. Of the paper's network a bias before an instance norm is
dropped, since the norm removes it; batch norm goes into the kernel before it; transposed
convolutions become four kernels of 2 x 2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, pairwise

from impasto.networks.inversion_config import InversionConfig
from impasto.networks.layout import (
    EXAMPLES_MIN_SIDE,
    LENGSTROM_EPS,
    LENGSTROM_GAIN,
    LENGSTROM_MIN_SIDE,
    LENGSTROM_STRIDE,
    MIN_SIDE,
    NORM_EPS,
    OUTPUT_GAIN,
    PAPER_BORDER_PX,
    STRIDE,
    Block,
    Conv,
    Layout,
    SameBlock,
    SameConv,
    fast_layout,
    lengstrom_layout,
    modern_layout,
)
from impasto.networks.style_config import PAPER_BLOCKS, StyleNetworkConfig
from impasto.plans import plan
from impasto.plans.kernels import (
    doubling_kernel,
    fold_batch_norm,
    fold_input,
    fractional_kernel,
    same_kernel,
    striding_kernel,
)
from impasto.plans.plan import COLORS, INPUT_SCALE, Floats, Plan, Step

LAST_FACTOR = 2  # pixels made at a time by the last layer: measured, see docs/performance.md

Tensors = Mapping[str, Floats]


def modern_plan(config: StyleNetworkConfig, tensors: Tensors, *, subpixel: bool) -> Iterator[Step]:
    """Of the `modern` network."""
    return plan_of_layout(modern_layout(config.width, config.blocks), tensors, subpixel=subpixel)


def fast_plan(config: StyleNetworkConfig, tensors: Tensors, *, subpixel: bool) -> Iterator[Step]:
    """Of the `fast` network."""
    return plan_of_layout(fast_layout(config.width, config.blocks), tensors, subpixel=subpixel)


def plan_of_layout(layout: Layout, tensors: Tensors, *, subpixel: bool) -> Iterator[Step]:
    """Of a network that keeps `layout` in `layers`, with its tensors by their names."""
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
    bias = None if conv.norm else tensors[f"{name}.conv.bias"]
    if conv.upsample == 1 or not subpixel:
        if conv.upsample > 1:
            yield plan.Enlarge()
        yield plan.Pad(before=conv.pad, after=conv.pad, mode="reflect")
        yield plan.Convolve(weight=weight, bias=bias, stride=conv.stride)
    else:
        yield plan.Pad(before=1, after=1, mode="replicate")
        each = None if bias is None else bias.repeat(4)
        yield plan.Convolve(weight=doubling_kernel(weight), bias=each)
        yield plan.Shuffle()
        yield plan.Crop(border=1)
    yield from _after(name, conv, tensors)


def _after(name: str, conv: Conv, tensors: Tensors) -> Iterator[Step]:
    if conv.norm:
        weight, bias = tensors[f"{name}.norm.weight"], tensors[f"{name}.norm.bias"]
        yield plan.Normalise(weight=weight, bias=bias, eps=NORM_EPS)
    if conv.relu:
        yield plan.Relu()


def last_steps(weight: Floats, bias: Floats, gain: float) -> Iterator[Step]:
    """The last convolution, on a map with its border: colours, or blocks of them to be shuffled.

    (1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2.
    """
    weight, bias, stride = weight * 2, bias * 2, 1
    factor = round((len(weight) / COLORS) ** 0.5)
    if factor == 1:
        factor = stride = LAST_FACTOR
        weight, bias = striding_kernel(weight, factor), bias.repeat(factor**2)
    yield plan.Convolve(weight=weight, bias=bias, stride=stride)
    # Before the shuffle: a runtime can do it to the convolution's sums, which are in float32.
    yield plan.Squash(scale=gain, shift=(1 - gain) / 2)
    yield plan.Shuffle(factor=factor)
    yield plan.Fit()


def paper_plan(
    config: StyleNetworkConfig,
    tensors: Tensors,
    *,
    subpixel: bool,  # noqa: ARG001
) -> Iterator[Step]:
    """Of the paper's network."""
    norm = config.norm == "instance"

    def layer(name: str, after: str, *, scale: float = 1.0, shift: float = 0.0) -> Iterator[Step]:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        weight, bias = fold_input(weight, bias, scale, shift)
        stride = 2 if name in ("layers.3", "layers.6") else 1
        if norm:
            yield plan.Convolve(weight=weight, stride=stride)
            yield _norm(after, tensors)
        else:
            weight, bias = fold_batch_norm(weight, bias, after, tensors)
            yield plan.Convolve(weight=weight, bias=bias, stride=stride)

    yield plan.Mirror(border=PAPER_BORDER_PX, multiple=STRIDE, least=1)
    # the zero of [-1, 1]
    yield plan.Pad(before=4, after=4, mode="constant", value=INPUT_SCALE / 2)
    yield from layer("layers.0", "layers.1", scale=2 / INPUT_SCALE, shift=-1.0)
    yield plan.Relu()
    for index in (3, 6):
        yield plan.Pad(before=1, after=1, mode="constant")
        yield from layer(f"layers.{index}", f"layers.{index + 1}")
        yield plan.Relu()
    for index in range(9, 9 + PAPER_BLOCKS):
        name = f"layers.{index}.body"
        first, second = layer(f"{name}.0", f"{name}.1"), layer(f"{name}.3", f"{name}.4")
        yield plan.Residual(body=(*first, plan.Relu(), *second), crop=2)
    for index in (9 + PAPER_BLOCKS, 12 + PAPER_BLOCKS):
        name, after = f"layers.{index}", f"layers.{index + 1}"
        yield plan.Pad(before=0, after=1, mode="constant")
        weight, bias = tensors[f"{name}.weight"].swapaxes(0, 1), tensors[f"{name}.bias"]
        if not norm:
            weight, bias = fold_batch_norm(weight, bias, after, tensors)
        kernel = fractional_kernel(weight.swapaxes(0, 1))
        yield plan.Convolve(weight=kernel, bias=None if norm else bias.repeat(4))
        yield plan.Shuffle()
        if norm:
            yield _norm(after, tensors)
        yield plan.Relu()
    name = f"layers.{15 + PAPER_BLOCKS}"
    yield plan.Pad(before=4, after=4, mode="constant")
    yield from last_steps(tensors[f"{name}.weight"], tensors[f"{name}.bias"], gain=1.0)


def _norm(name: str, tensors: Tensors, eps: float = NORM_EPS) -> plan.Normalise:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return plan.Normalise(weight=weight, bias=bias, eps=eps)


def examples_plan(
    config: StyleNetworkConfig, tensors: Tensors, *, subpixel: bool
) -> Iterator[Step]:
    """Of pytorch/examples: as `modern`; its first and its last convolution know other pixels."""
    layout = modern_layout(config.width, config.blocks)
    mirror, first, norm, *middle, _, _, shuffle, fit = plan_of_layout(
        layout, tensors, subpixel=subpixel
    )
    assert isinstance(mirror, plan.Mirror)
    assert isinstance(first, plan.Convolve)
    assert isinstance(norm, plan.Normalise)
    yield replace(mirror, multiple=1, least=EXAMPLES_MIN_SIDE)
    yield from _first(tensors["layers.0.conv.weight"], norm)
    yield from middle
    last = f"layers.{len(layout) - 1}.conv"
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


def lengstrom_plan(
    config: StyleNetworkConfig,
    tensors: Tensors,
    *,
    subpixel: bool,  # noqa: ARG001
) -> Iterator[Step]:
    """Of lengstrom's: borders are zeros; transposed convolutions become four kernels of 2 x 2."""
    yield plan.Mirror(multiple=LENGSTROM_STRIDE, least=LENGSTROM_MIN_SIDE)
    layout = lengstrom_layout(config.width)
    for index, layer in enumerate(layout):
        name = f"layers.{index}"
        if isinstance(layer, SameBlock):
            parts = (
                _same_padded(f"{name}.{part}", conv, tensors) for part, conv in layer.layers.items()
            )
            yield plan.Residual(body=tuple(chain.from_iterable(parts)))
            continue
        steps = _same_padded(name, layer, tensors)
        if index == 0:
            pad, convolve, norm, *rest = steps
            assert isinstance(convolve, plan.Convolve)
            assert isinstance(norm, plan.Normalise)
            steps = (pad, *_first(convolve.weight, norm), *rest)
        elif index == len(layout) - 1:
            *before, norm = steps
            assert isinstance(norm, plan.Normalise)
            # (1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2
            steps = (*before, replace(norm, weight=norm.weight * 2, bias=norm.bias * 2))
        yield from steps
    yield plan.Squash(scale=LENGSTROM_GAIN, shift=(1 - LENGSTROM_GAIN) / 2)
    yield plan.Fit()


def _first(weight: Floats, norm: plan.Normalise) -> Plan:
    """The norm takes any factor out again: that of a level keeps sums small for half precision."""
    small = plan.Convolve(weight=weight / INPUT_SCALE)
    return small, replace(norm, eps=norm.eps / INPUT_SCALE**2)


def _same_padded(name: str, layer: SameConv, tensors: Tensors) -> Plan:
    weight = tensors[f"{name}.conv.weight"]
    norm = _norm(f"{name}.norm", tensors, LENGSTROM_EPS)
    relu = (plan.Relu(),) if layer.relu else ()
    if layer.transposed:
        pad = plan.Pad(before=1, after=0, mode="constant")
        return pad, plan.Convolve(weight=same_kernel(weight)), plan.Shuffle(), norm, *relu
    pad = plan.Pad(before=layer.before, after=layer.after, mode="constant")
    return pad, plan.Convolve(weight=weight, stride=layer.stride), norm, *relu


def decoder_plan(config: InversionConfig, tensors: Tensors, *, subpixel: bool) -> Iterator[Step]:
    """Of a decoder of features, which enter times INPUT_SCALE as pictures do."""
    filters = config.filters
    head = Conv(in_channels=config.channels, out_channels=filters[-1], kernel_size=3, norm=False)
    pad, first, relu = _layer("head", head, tensors, subpixel)
    assert isinstance(first, plan.Convolve)
    rms = tensors["feature_rms"][:, None, None] * INPUT_SCALE
    yield pad
    yield replace(first, weight=first.weight / rms)
    yield relu
    for index in range(config.blocks):
        parts = (
            _layer(f"body.{index}.{part}", replace(conv, norm=False), tensors, subpixel)
            for part, conv in Block(channels=filters[-1]).layers.items()
        )
        yield plan.Residual(body=tuple(chain.from_iterable(parts)))
    for index, (wide, narrow) in enumerate(pairwise(reversed(filters))):
        conv = Conv(in_channels=wide, out_channels=narrow, kernel_size=3, upsample=2, norm=False)
        yield from _layer(f"up.{index}", conv, tensors, subpixel)
    yield plan.Pad(before=1, after=1, mode="reflect")
    weight, bias = tensors["last.conv.weight"], tensors["last.conv.bias"]
    # (1 + gain * tanh(x)) / 2 is gain * sigmoid(2 x) + (1 - gain) / 2
    yield plan.Convolve(weight=weight * 2, bias=bias * 2)
    yield plan.Squash(scale=OUTPUT_GAIN, shift=(1 - OUTPUT_GAIN) / 2)
