"""The modern network on pictures of any size in bounded memory, equal to the plain forward.

Instance-norm statistics span the picture, so tiles that are painted one by one do not match.
Here the network runs layer by layer instead; each layer reads horizontal strips of its input
with the rows that the kernel reaches beyond them, writes into one output map, and gathers exact
statistics on the way. Normalisation and ReLU are applied when the next layer reads. At most the
input and the output map of one layer exist at once (three small maps in a residual block), and
what is computed at a time stays in the processor's cache.
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

# Output of one strip, in bytes: small enough for the cache, large enough to keep threads busy.
STRIP_BYTES = 2 * 2**20


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

    (N, 3, H, W) float32 in [0, 1] -> the same shape, float32, in the network's own range.
    Features are held and convolved in `dtype`; statistics are float32 within a strip and float64
    across strips either way. `strip_rows` fixes the height of a strip (default: by STRIP_BYTES).
    """
    return torch.cat([_stylize_one(network, one, dtype, strip_rows) for one in image.split(1)])


def _stylize_one(
    network: ModernStyleNetwork, image: Tensor, dtype: torch.dtype, strip_rows: int | None
) -> Tensor:
    height, width = image.shape[-2:]
    features = FeatureMap(values=pad_to_stride(image), finish=partial(_enter, dtype=dtype))
    for layer in network.layers:
        if isinstance(layer, ResidualBlock):
            features = _run_block(features, layer, dtype, strip_rows)
        elif isinstance(layer, ConvLayer):
            features = _run_layer(features, layer, dtype, strip_rows)
        else:
            raise TypeError(f"no strip rule for {type(layer).__name__}")
    output = image.new_empty(image.shape)
    for top, bottom in _strips(output, strip_rows):
        output[:, :, top:bottom] = to_pixels(features.rows(top, bottom))[..., :width]
    return output


def _enter(rows: Tensor, *, dtype: torch.dtype) -> Tensor:
    return to_input(rows).to(dtype, memory_format=torch.channels_last)


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
    height, width = source.values.shape[-2:]
    stride, factor = layer.conv.stride[0], layer.upsample
    channels = layer.conv.out_channels
    kernel = layer.conv.weight.to(dtype, memory_format=torch.channels_last)
    bias = None if layer.conv.bias is None else layer.conv.bias.to(dtype)
    values = torch.empty(
        (1, channels, height // stride * factor, width // stride * factor),
        dtype=dtype, device=source.values.device, memory_format=torch.channels_last,
    )
    moments = Moments(channels, values.device)
    for top, bottom in _strips(values, strip_rows):
        strip = F.conv2d(_padded_rows(source, layer, top, bottom), kernel, bias, stride)
        values[:, :, top:bottom] = strip
        if layer.norm is not None:
            moments.update(strip)
    if layer.norm is None:
        return FeatureMap(values=values, finish=F.relu if layer.relu else None)
    finish = partial(
        _normalise,
        mean=moments.mean.float(), variance=moments.variance().float(),
        weight=layer.norm.weight, bias=layer.norm.bias, eps=layer.norm.eps, relu=layer.relu,
    )
    return FeatureMap(values=values, finish=finish)


def _normalise(
    rows: Tensor, *, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool
) -> Tensor:
    # Batch norm with given statistics is instance norm of one picture, and has the fast kernel.
    rows = F.batch_norm(rows, mean, variance, weight, bias, eps=eps)
    return rows.relu_() if relu else rows


def _padded_rows(source: FeatureMap, layer: ConvLayer, top: int, bottom: int) -> Tensor:
    """What the convolution must see to give its rows [top, bottom): halo, and the borders."""
    stride, pad, factor = layer.conv.stride[0], layer.pad, layer.upsample
    height = source.values.shape[-2] * factor
    first, last = top * stride - pad, (bottom - 1) * stride + pad + 1  # after enlarging
    start, stop = max(first, 0), min(last, height)
    rows = source.rows(start // factor, -(-stop // factor))
    if factor > 1:
        rows = F.interpolate(rows, scale_factor=factor, mode="nearest")
        rows = rows[:, :, start % factor :][:, :, : stop - start]
    return F.pad(rows, (pad, pad, start - first, last - stop), mode="reflect")


def _strips(output: Tensor, strip_rows: int | None, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """(top, bottom) of strips that cover `output`, each a multiple of `multiple` rows high."""
    _, channels, height, width = output.shape
    rows = strip_rows or STRIP_BYTES // (channels * width * output.element_size())
    rows = max(rows // multiple, 1) * multiple
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
