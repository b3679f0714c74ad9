"""A super-resolution or restoration network as plain steps, for the graphs of other runtimes.

What is folded, all of it exact: the input's scale into the first kernels, batch norm into
the kernel before it, blocks of pixels (pixel unshuffle) into a kernel with a stride.
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.networks.superres import SRCNN, ModernSuperResNetwork, PaperSuperResNetwork
from impasto.networks.superres.bicubic import BICUBIC_RADIUS, TAPS, phase_kernels
from impasto.networks.superres.paper import NormedResidualBlock
from impasto.networks.superres.srcnn import LUMA
from impasto.plans import plan
from impasto.plans.kernels import fold_input, fold_scale, fractional_kernel
from impasto.plans.plan import INPUT_SCALE, Floats, Step
from impasto.plans.superres_steps import Blank, Clip, GraphPlan, GraphStep, Sum, Trim

_COLORS = 3


def rewrite_superres(network: nn.Module) -> GraphPlan:
    """The plan of a super-resolution network in eval mode; its arrays are in the network's dtype.

    It gives what `TileNetwork` gives for a whole image in float32: clamped, and where the network
    takes a mask, the image's own pixels in what is known. Raises ModelError for other networks.
    """
    if isinstance(network, ModernSuperResNetwork):
        return tuple(_modern(network))
    if isinstance(network, PaperSuperResNetwork):
        return tuple(_paper(network))
    if isinstance(network, SRCNN):
        return tuple(_srcnn(network))
    raise ModelError(f"no plan for a network of type {type(network).__name__}")


def _modern(network: ModernSuperResNetwork) -> Iterator[GraphStep]:
    shrink, head = network.shrink, network.head
    channels = head.in_channels // shrink**2
    weight = _blocks_kernel(_array(head.weight), shrink)
    # What the network sees is centred; a mask enters as levels like the colours.
    weight, bias = fold_input(weight, _bias_of(head), 1 / INPUT_SCALE, -0.5)
    details: list[GraphStep] = [
        plan.Mirror(multiple=shrink, least=1),
        plan.Pad(before=shrink, after=shrink, mode="constant", value=INPUT_SCALE / 2),
        plan.Convolve(weight=weight, bias=bias, stride=shrink),
    ]
    for block in network.body:
        first, second = cast(nn.Conv2d, block.first), cast(nn.Conv2d, block.second)
        details.append(
            plan.Residual(body=(*_zero_padded(first), plan.Relu(), *_zero_padded(second)))
        )
    details += [*_zero_padded(network.tail), *_shuffled(network.factor * shrink)]
    if shrink > 1:
        details.append(Trim(factor=network.factor))
    if channels > _COLORS:
        yield Blank()
    yield Sum(body=tuple(details), exact=tuple(_enlarged(network.factor, channels)))
    yield Clip(masked=channels > _COLORS)


def _blocks_kernel(weight: Floats, factor: int) -> Floats:
    """A kernel over blocks of pixels (pixel unshuffle) as one over the pixels, with that stride."""
    outputs, channels, size = weight.shape[0], weight.shape[1] // factor**2, weight.shape[-1]
    blocks = weight.reshape(outputs, channels, factor, factor, size, size)
    side = size * factor
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(outputs, channels, side, side)


def _enlarged(factor: int, channels: int = _COLORS) -> Iterator[Step]:
    """`enlarge` of levels -> [0, 1]: the first three of that many channels."""
    phases = _array(phase_kernels(factor)) if factor > 1 else np.ones((1, 1, 1, 1))
    count, side = phases.shape[0], phases.shape[-1]
    kernel = np.zeros((_COLORS, count, channels, side, side))
    for color in range(_COLORS):
        kernel[color, :, color] = phases[:, 0] / INPUT_SCALE
    if factor > 1:
        assert side == TAPS
        yield plan.Pad(before=BICUBIC_RADIUS, after=BICUBIC_RADIUS, mode="replicate")
    yield plan.Convolve(weight=kernel.reshape(-1, channels, side, side))
    yield from _shuffled(factor)


def _srcnn(network: SRCNN) -> Iterator[GraphStep]:
    yield from _enlarged(network.factor)
    luma = np.asarray(LUMA)[None, :, None, None]
    colors = np.eye(_COLORS)[:, :, None, None] - luma  # each colour less the luma
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    sharper: list[GraphStep] = [plan.Convolve(weight=luma)]
    for index, layer in enumerate(convolutions):
        weight, bias, border = _array(layer.weight), _bias_of(layer), layer.kernel_size[0] // 2
        if index == len(convolutions) - 1:  # the same luma for all three colours
            weight, bias = np.repeat(weight, _COLORS, axis=0), np.repeat(bias, _COLORS)
        if border:
            sharper.append(plan.Pad(before=border, after=border, mode="replicate"))
        sharper.append(plan.Convolve(weight=weight, bias=bias))
        if index < len(convolutions) - 1:
            sharper.append(plan.Relu())
    yield Sum(body=tuple(sharper), exact=(plan.Convolve(weight=colors),))
    yield Clip()


def _paper(network: PaperSuperResNetwork) -> Iterator[GraphStep]:
    layers = list(network.layers)
    for index, layer in enumerate(layers):
        following = layers[index + 1] if index + 1 < len(layers) else None
        if isinstance(layer, NormedResidualBlock):
            one, norm_one, _, two, norm_two = layer.body
            body = (*_zero_padded(one, norm_one), plan.Relu(), *_zero_padded(two, norm_two))
            yield plan.Residual(body=body)
        elif isinstance(layer, nn.ConvTranspose2d):
            yield plan.Pad(before=0, after=1, mode="constant")
            yield _transposed(layer, cast(nn.BatchNorm2d, following))
            yield plan.Shuffle()
            yield plan.Relu()
        elif isinstance(layer, nn.Conv2d) and following is not None:
            yield from _first(layer, following)
            yield plan.Relu()
        elif isinstance(layer, nn.Conv2d):
            # (1 + tanh(x)) / 2 is sigmoid(2 x)
            pad, last = _zero_padded(layer)
            assert isinstance(last, plan.Convolve)
            assert last.bias is not None
            yield pad
            yield plan.Convolve(weight=last.weight * 2, bias=last.bias * 2)
    yield plan.Squash(scale=1.0, shift=0.0)


def _first(layer: nn.Conv2d, norm: nn.Module) -> Iterator[Step]:
    """Levels -> [-1, 1], whose zero is what lies beyond the border."""
    border = layer.kernel_size[0] // 2
    weight, bias = fold_input(_array(layer.weight), _bias_of(layer), 2 / INPUT_SCALE, -1.0)
    weight, bias = fold_scale(weight, bias, *_scale_of(norm))
    yield plan.Pad(before=border, after=border, mode="constant", value=INPUT_SCALE / 2)
    yield plan.Convolve(weight=weight, bias=bias)


def _transposed(layer: nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> Step:
    """As a sub-pixel convolution, see `fractional_kernel`, with the batch norm after it."""
    outputs_first = _array(layer.weight).transpose(1, 0, 2, 3)
    weight, bias = fold_scale(outputs_first, _bias_of(layer), *_scale_of(norm))
    kernel = fractional_kernel(weight.transpose(1, 0, 2, 3))
    return plan.Convolve(weight=kernel, bias=np.repeat(bias, 4))


def _zero_padded(layer: nn.Module, norm: nn.Module | None = None) -> tuple[Step, Step]:
    assert isinstance(layer, nn.Conv2d)
    border = layer.kernel_size[0] // 2
    weight, bias = _array(layer.weight), _bias_of(layer)
    if norm is not None:
        weight, bias = fold_scale(weight, bias, *_scale_of(norm))
    pad = plan.Pad(before=border, after=border, mode="constant")
    return pad, plan.Convolve(weight=weight, bias=bias)


def _scale_of(norm: nn.Module) -> tuple[Floats, Floats]:
    """What a batch norm does by its running statistics, as y * scale + shift."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return scale, _array(norm.bias) - _array(norm.running_mean) * scale


def _shuffled(factor: int) -> tuple[Step, ...]:
    return (plan.Shuffle(factor=factor),) if factor > 1 else ()


def _bias_of(layer: nn.Conv2d | nn.ConvTranspose2d) -> Floats:
    return np.zeros(layer.out_channels) if layer.bias is None else _array(layer.bias)


def _array(values: Tensor) -> Floats:
    array: Floats = values.detach().cpu().numpy()
    return array
