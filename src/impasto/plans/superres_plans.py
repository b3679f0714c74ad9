"""Super-resolution and restoration networks as plans: from a config and its tensors. Never torch.

What is folded, all of it exact: the input's scale into the first kernels, batch norm into
the kernel before it, blocks of pixels (pixel unshuffle) into a kernel with a stride. A plan gives
the network's output clamped to [0, 1], and where it takes a mask, the image's own pixels in what is
known.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from impasto.media.picture import LUMA_WEIGHTS
from impasto.networks.bicubic import BICUBIC_RADIUS, phase_kernels
from impasto.networks.superres_config import PAPER_BLOCKS, SuperResConfig
from impasto.plans import plan
from impasto.plans.kernels import (
    fold_batch_norm,
    fold_input,
    fractional_kernel,
)
from impasto.plans.plan import COLORS, INPUT_SCALE, Floats, Plan, Step

Tensors = Mapping[str, Floats]


def modern_plan(
    config: SuperResConfig,
    tensors: Tensors,
    *,
    subpixel: bool,  # noqa: ARG001
) -> Iterator[Step]:
    """Of the `modern` network."""
    shrink, channels = config.shrink, config.in_channels
    weight = _blocks_kernel(tensors["head.weight"], shrink)
    # What the network sees is centred; a mask enters as levels like the colours.
    weight, bias = fold_input(weight, tensors["head.bias"], 1 / INPUT_SCALE, -0.5)
    details: list[Step] = [
        plan.Mirror(multiple=shrink, least=1),
        plan.Pad(before=shrink, after=shrink, mode="constant", value=INPUT_SCALE / 2),
        plan.Convolve(weight=weight, bias=bias, stride=shrink),
    ]
    for index in range(config.blocks):
        first, second = (
            _zero_padded(f"body.{index}.{part}", tensors) for part in ("first", "second")
        )
        details.append(plan.Residual(body=(*first, plan.Relu(), *second)))
    details += [*_zero_padded("tail", tensors), *_shuffled(config.factor * shrink)]
    if shrink > 1:
        details.append(plan.Fit(factor=config.factor))
    masked = channels > COLORS
    if masked:
        yield plan.Blank()
    yield plan.Sum(body=tuple(details), exact=enlarged(config.factor, channels))
    yield plan.Clip(masked=masked)


def _blocks_kernel(weight: Floats, factor: int) -> Floats:
    """A kernel over blocks of pixels (pixel unshuffle) as one over the pixels, with that stride."""
    outputs, channels, size = weight.shape[0], weight.shape[1] // factor**2, weight.shape[-1]
    blocks = weight.reshape(outputs, channels, factor, factor, size, size)
    side = size * factor
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(outputs, channels, side, side)


def enlarged(factor: int, channels: int = COLORS) -> Plan:
    """`bicubic.enlarge` of levels -> [0, 1]: the first three of that many channels."""
    phases = phase_kernels(factor)
    count, side = phases.shape[0], phases.shape[-1]
    kernel = np.zeros((COLORS, count, channels, side, side))
    for color in range(COLORS):
        kernel[color, :, color] = phases / INPUT_SCALE
    convolve = plan.Convolve(weight=kernel.reshape(-1, channels, side, side))
    if factor == 1:
        return (convolve,)
    pad = plan.Pad(before=BICUBIC_RADIUS, after=BICUBIC_RADIUS, mode="replicate")
    return pad, convolve, *_shuffled(factor)


def srcnn_plan(
    config: SuperResConfig,
    tensors: Tensors,
    *,
    subpixel: bool,  # noqa: ARG001
) -> Iterator[Step]:
    """Of SRCNN."""
    yield from enlarged(config.factor)
    luma = np.asarray(LUMA_WEIGHTS)[None, :, None, None]
    colors = np.eye(COLORS)[:, :, None, None] - luma  # each colour less the luma
    sharper: list[Step] = [plan.Convolve(weight=luma)]
    for name in ("layers.0", "layers.2", "layers.4"):
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        border, last = weight.shape[-1] // 2, name == "layers.4"
        if last:  # the same luma for all three colours
            weight, bias = np.repeat(weight, COLORS, axis=0), np.repeat(bias, COLORS)
        if border:
            sharper.append(plan.Pad(before=border, after=border, mode="replicate"))
        sharper.append(plan.Convolve(weight=weight, bias=bias))
        if not last:
            sharper.append(plan.Relu())
    yield plan.Sum(body=tuple(sharper), exact=(plan.Convolve(weight=colors),))
    yield plan.Clip()


def paper_plan(
    config: SuperResConfig,
    tensors: Tensors,
    *,
    subpixel: bool,  # noqa: ARG001
) -> Iterator[Step]:
    """Of the paper's network."""
    weight, bias = tensors["layers.0.weight"], tensors["layers.0.bias"]
    # levels -> [-1, 1], whose zero is what lies beyond the border
    weight, bias = fold_input(weight, bias, 2 / INPUT_SCALE, -1.0)
    weight, bias = fold_batch_norm(weight, bias, "layers.1", tensors)
    border = weight.shape[-1] // 2
    yield plan.Pad(before=border, after=border, mode="constant", value=INPUT_SCALE / 2)
    yield plan.Convolve(weight=weight, bias=bias)
    yield plan.Relu()
    for index in range(3, 3 + PAPER_BLOCKS):
        name = f"layers.{index}.body"
        first = _zero_padded(f"{name}.0", tensors, norm=f"{name}.1")
        second = _zero_padded(f"{name}.3", tensors, norm=f"{name}.4")
        yield plan.Residual(body=(*first, plan.Relu(), *second))
    last = 3 + PAPER_BLOCKS + 3 * int(math.log2(config.factor))
    for index in range(3 + PAPER_BLOCKS, last, 3):
        weight = tensors[f"layers.{index}.weight"].swapaxes(0, 1)
        weight, bias = fold_batch_norm(
            weight, tensors[f"layers.{index}.bias"], f"layers.{index + 1}", tensors
        )
        yield plan.Pad(before=0, after=1, mode="constant")
        kernel = fractional_kernel(weight.swapaxes(0, 1))
        yield plan.Convolve(weight=kernel, bias=np.repeat(bias, 4))
        yield plan.Shuffle()
        yield plan.Relu()
    pad, convolve = _zero_padded(f"layers.{last}", tensors)
    assert isinstance(convolve, plan.Convolve)
    assert convolve.bias is not None
    # (1 + tanh(x)) / 2 is sigmoid(2 x)
    yield pad
    yield plan.Convolve(weight=convolve.weight * 2, bias=convolve.bias * 2)
    yield plan.Squash(scale=1.0, shift=0.0)


def _zero_padded(name: str, tensors: Tensors, norm: str = "") -> tuple[Step, Step]:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if norm:
        weight, bias = fold_batch_norm(weight, bias, norm, tensors)
    border = weight.shape[-1] // 2
    pad = plan.Pad(before=border, after=border, mode="constant")
    return pad, plan.Convolve(weight=weight, bias=bias)


def _shuffled(factor: int) -> tuple[Step, ...]:
    return (plan.Shuffle(factor=factor),) if factor > 1 else ()
