"""The modern network on pictures of any size in bounded memory, equal to the plain forward.

Instance-norm statistics span the picture, so tiles that are painted one by one do not match.
Here the network runs layer by layer instead; each layer reads horizontal strips of its input
with the rows that the kernel reaches beyond them, writes into one output map, and gathers exact
statistics on the way. Normalisation and ReLU are applied when the next layer reads. At most the
input and the output map of one layer exist at once (three small maps in a residual block), and
what is computed at a time stays in the processor's cache, which makes it faster as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.inference.moments import Moments
from impasto.networks.modern import (
    ConvLayer,
    ModernStyleNetwork,
    ResidualBlock,
    pad_to_stride,
    to_input,
    to_pixels,
)
from impasto.networks.normalization import InstanceNorm

# What one strip of a layer's output takes: on a CPU a good part of a core's cache, elsewhere
# enough to keep thousands of threads busy.
CPU_STRIP_BYTES = 2 * 2**20
OTHER_STRIP_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """A stored (1, C, h, w) map, and what is still to be done to its rows when they are read."""

    values: Tensor
    finish: Callable[[Tensor], Tensor] | None = None

    def rows(self, start: int, stop: int) -> Tensor:
        """Finished rows [start, stop), (1, C, stop-start, w); not to be written into."""
        rows = self.values[:, :, start:stop]
        return rows if self.finish is None else self.finish(rows)


def stylize_in_strips(
    network: ModernStyleNetwork,
    image: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    strip_rows: int | None = None,
) -> Tensor:
    """What `network(image)` returns, to within rounding, in bounded memory.

    (N, 3, H, W) float32 in [0, 1] -> the same shape, float32, in the network's own range; any
    H, W >= 1. After the first layer, which sees the picture's smallest differences, features are
    held and convolved in `dtype`; statistics are exact whatever it is. `strip_rows` fixes the
    height of a strip (by default it follows from the size).
    """
    output = torch.empty_like(image, memory_format=torch.contiguous_format)
    with torch.no_grad():
        for index in range(image.shape[0]):
            one = slice(index, index + 1)
            _stylize_one(network, image[one], output[one], dtype, strip_rows)
    return output


def _stylize_one(
    network: ModernStyleNetwork,
    image: Tensor,
    output: Tensor,
    dtype: torch.dtype,
    strip_rows: int | None,
) -> None:
    features = FeatureMap(values=pad_to_stride(image), finish=_enter)
    layer_dtype = torch.float32
    for layer in network.layers:
        if isinstance(layer, ResidualBlock):
            features = _run_block(features, layer, layer_dtype, strip_rows)
        elif isinstance(layer, ConvLayer):
            features = _run_layer(features, layer, layer_dtype, strip_rows)
        else:
            raise TypeError(f"no strip rule for {type(layer).__name__}")
        layer_dtype = dtype
    for top, bottom in _strips(output, strip_rows):
        output[:, :, top:bottom] = to_pixels(features.rows(top, bottom))[..., : image.shape[-1]]


def _enter(rows: Tensor) -> Tensor:
    return to_input(rows).contiguous(memory_format=torch.channels_last)


def _run_block(
    source: FeatureMap, block: ResidualBlock, dtype: torch.dtype, strip_rows: int | None
) -> FeatureMap:
    branch = _run_layer(source, block.first, dtype, strip_rows)
    branch = _run_layer(branch, block.second, dtype, strip_rows)
    for top, bottom in _strips(branch.values, strip_rows):
        # In place: the branch becomes the block's output, and no further map is made.
        branch.values[:, :, top:bottom] = branch.rows(top, bottom) + source.rows(top, bottom)
    return FeatureMap(values=branch.values)


def _run_layer(
    source: FeatureMap, layer: ConvLayer, dtype: torch.dtype, strip_rows: int | None
) -> FeatureMap:
    stride, channels = layer.conv.stride[0], layer.conv.out_channels
    height, width = (side * layer.upsample // stride for side in source.values.shape[-2:])
    kernel = layer.conv.weight.to(dtype, memory_format=torch.channels_last)
    bias = None if layer.conv.bias is None else layer.conv.bias.to(dtype)
    values = torch.empty(
        (1, channels, height, width),
        dtype=dtype,
        device=source.values.device,
        memory_format=torch.channels_last,
    )
    moments = Moments(channels, values.device)
    for top, bottom in _strips(values, strip_rows):
        strip = F.conv2d(_padded_rows(source, layer, top, bottom).to(dtype), kernel, bias, stride)
        values[:, :, top:bottom] = strip
        if layer.norm is not None:
            moments.update(strip)
    if layer.norm is None:
        return FeatureMap(values=values, finish=F.relu if layer.relu else None)
    return FeatureMap(values=values, finish=_normalisation(layer.norm, moments, relu=layer.relu))


def _normalisation(
    norm: InstanceNorm, moments: Moments, *, relu: bool
) -> Callable[[Tensor], Tensor]:
    def normalise(rows: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        # Batch norm with given statistics is the instance norm of one picture.
        rows = F.batch_norm(rows, mean, variance, norm.weight, norm.bias, eps=norm.eps)
        return rows.relu_() if relu else rows

    return partial(normalise, mean=moments.mean.float(), variance=moments.variance().float())


def _padded_rows(source: FeatureMap, layer: ConvLayer, top: int, bottom: int) -> Tensor:
    """What the convolution must see to give output rows [top, bottom): halo, mirrored borders.

    Up-sampling is done as such, not by the network's summed kernels: in half precision those
    round differently for the four pixels of a group, which would show as a fine chequer.
    """
    stride, pad, factor = layer.conv.stride[0], layer.pad, layer.upsample
    first, last = top * stride - pad, (bottom - 1) * stride + pad + 1  # after up-sampling
    start, stop = max(first, 0), min(last, source.values.shape[-2] * factor)
    rows = source.rows(start // factor, -(-stop // factor))
    if factor > 1:
        rows = F.interpolate(rows, scale_factor=factor, mode="nearest")
        rows = rows.narrow(-2, start % factor, stop - start)
    return F.pad(rows, (pad, pad, start - first, last - stop), mode="reflect")


def _strips(output: Tensor, strip_rows: int | None) -> Iterator[tuple[int, int]]:
    """(top, bottom) of the strips that cover `output`."""
    _, channels, height, width = output.shape
    budget = CPU_STRIP_BYTES if output.device.type == "cpu" else OTHER_STRIP_BYTES
    rows = strip_rows or max(1, budget // (channels * width * output.element_size()))
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
