"""3 x 3 convolutions in float32 on CPUs, with a quarter of the multiplications.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, arXiv:1509.09308): a tile of 6 x 6
pixels, the filter and the tile of 4 x 4 results are each transformed, so that the convolution is
one product for each of 36 positions instead of 9 for each of 16 results. PyTorch's own float32
convolutions on CPUs are direct. Rounding errors are 1.5e-6 to 2.8e-6 of the result (root mean
squares, 64 to 512 channels) where direct ones have 0.3e-6 to 1.2e-6.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

TILE = 4  # results a side
SPAN = TILE + 2  # pixels a side that they are made of
# The gain is small at so few already; fewer were not tried.
MIN_CHANNELS = 64
MIN_TILES = 16

# For the points 0, 1, -1, 2, -2 and infinity, in one dimension.
_INPUT = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
_FILTER = (
    torch.tensor(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        dtype=torch.float64,
    )
    / 24
)
_OUTPUT = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float64,
)
_left_to_pytorch: ContextVar[bool] = ContextVar("left_to_pytorch", default=False)
# The position whose value reaches each result once, in both dimensions: where a bias is added.
_BIAS_POSITION = SPAN + 1


@contextmanager
def pytorch_convolutions() -> Iterator[None]:
    """Leave every convolution within to PyTorch: what the speed is compared with."""
    token = _left_to_pytorch.set(True)
    try:
        yield
    finally:
        _left_to_pytorch.reset(token)


def pays(features: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether `winograd_convolution` can and should stand in for the convolution.

    It can where the weights do not learn and nobody records the operations: a compiler and an
    export see the ordinary convolution.
    """
    if (
        torch.compiler.is_compiling()
        or _left_to_pytorch.get()
        or type(features) is not Tensor
        or not _suits(weight)
        or not features.dtype == weight.dtype == torch.float32
        or features.device.type != "cpu"
        or weight.requires_grad
        or torch.is_autocast_enabled("cpu")
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    ):
        return False
    height, width = (side + 2 * padding - 2 for side in features.shape[2:])
    return features.shape[0] * _tiles(height) * _tiles(width) >= MIN_TILES


def filters_bytes(weight: Tensor) -> int:
    """What `transform_filters(weight)` takes, 0 if it will not be asked for."""
    positions = SPAN * SPAN / 9
    return round(positions * weight.nbytes) if _suits(weight) else 0


def _suits(weight: Tensor) -> bool:
    return weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= MIN_CHANNELS


def transform_filters(weight: Tensor) -> Tensor:
    """(O, I, 3, 3) -> (36, I, O), of the same type: once for a weight, four times its memory."""
    # Made in an evaluation, they must serve a training, too.
    with torch.inference_mode(False), torch.no_grad():
        outs, ins = weight.shape[:2]
        rows = torch.einsum("ik,ockl,jl->ijco", _FILTER, weight.double(), _FILTER)
        return rows.reshape(SPAN * SPAN, ins, outs).to(weight.dtype).contiguous()


def winograd_convolution(
    features: Tensor, filters: Tensor, bias: Tensor | None = None, *, padding: int = 1
) -> Tensor:
    """The 3 x 3 convolution of stride 1: (N, I, H, W) -> (N, O, H+2p-2, W+2p-2), channels_last.

    `filters` are `transform_filters(weight)`; `bias` is (O,); `padding` is p, 0 to 2 pixels of
    zeros. Differentiable in the features, as often as wished.
    """
    result: Tensor = _Winograd.apply(features, filters, bias, padding, False)  # type: ignore[no-untyped-call]
    return result


class _Winograd(torch.autograd.Function):
    """`turned`: with the channels exchanged and every filter turned by 180 degrees.

    That is the gradient's convolution, and it needs no other filters: turned, the filters of a
    tile seen upside down are the filters of the tile.
    """

    @staticmethod
    def forward(
        features: Tensor, filters: Tensor, bias: Tensor | None, padding: int, turned: bool
    ) -> Tensor:
        result: Tensor = _convolve(features, filters, bias, padding, turned)
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        _, filters, _, ctx.padding, ctx.turned = inputs
        ctx.save_for_backward(filters)
        ctx.save_for_forward(filters)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (filters,) = ctx.saved_tensors
        gradient: Tensor = _Winograd.apply(  # type: ignore[no-untyped-call]
            gradients[0], filters, None, 2 - ctx.padding, not ctx.turned
        )
        return gradient, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        (filters,) = ctx.saved_tensors
        tangent: Tensor = _Winograd.apply(tangents[0], filters, None, ctx.padding, ctx.turned)  # type: ignore[no-untyped-call]
        return tangent

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], features: Tensor, *rest: Any) -> tuple[Any, int]:  # noqa: ARG004
        many = features.movedim(in_dims[0], 0)
        result: Tensor = _Winograd.apply(many.flatten(0, 1), *rest)  # type: ignore[no-untyped-call]
        return result.reshape(*many.shape[:2], *result.shape[1:]), 0


# One operation to PyTorch, whose older batching (`is_grads_batched`, `jacobian(vectorize=True)`)
# repeats an operation that it does not know, but stops at the views that this one is made of.
@torch.library.custom_op("impasto::winograd_convolution", mutates_args=())
def _convolve(
    features: Tensor, filters: Tensor, bias: Tensor | None, padding: int, turned: bool
) -> Tensor:
    """In chunks of tiles that stay in the processor's cache, into buffers that are used again."""
    along_input, along_output = _INPUT, _OUTPUT
    if turned:
        filters = filters.transpose(1, 2)
        along_input, along_output = _INPUT.flip(1), _OUTPUT.flip(0)
    to_tiles, from_tiles = along_input.to(features.dtype), along_output.to(features.dtype)

    count, channels, rows_in, columns_in = features.shape
    outs = filters.shape[2]
    height, width = rows_in + 2 * padding - 2, columns_in + 2 * padding - 2
    down, across = _tiles(height), _tiles(width)
    images, rows = _chunk(channels, outs, count, down, across)
    tiles = images * rows * across

    band = features.new_zeros(images, rows * TILE + 2, across * TILE + 2, channels)
    line = band.stride(1)
    overlapping = band.as_strided(
        (SPAN, SPAN, images, rows, across, channels),
        (line, channels, band.stride(0), TILE * line, TILE * channels, 1),
    )
    pixels = features.new_empty(SPAN * SPAN, tiles * channels)
    halfway = torch.empty_like(pixels)
    products = features.new_empty(SPAN * SPAN, tiles, outs)
    fewer = features.new_empty(TILE * SPAN, tiles * outs)
    results = features.new_empty(TILE * TILE, tiles * outs)
    tiled = results.view(TILE, TILE, images, rows, across, outs).permute(2, 3, 0, 4, 1, 5)

    whole = torch.empty(
        (count, outs, down * TILE, across * TILE),
        dtype=features.dtype,
        memory_format=torch.channels_last,
    )
    source, target = features.permute(0, 2, 3, 1), whole.permute(0, 2, 3, 1)
    for first in range(0, count, images):
        last = min(first + images, count)
        for top in range(0, down, rows):
            bottom = min(top + rows, down)
            _fill(band[: last - first], source[first:last], top * TILE - padding, padding)
            pixels.view(overlapping.shape).copy_(overlapping)
            _transform(to_tiles, pixels, halfway, pixels)
            torch.bmm(pixels.view(SPAN * SPAN, tiles, channels), filters, out=products)
            if bias is not None:
                products[_BIAS_POSITION].add_(bias)
            _transform(from_tiles, products, fewer, results)
            part = target[first:last, top * TILE : bottom * TILE]
            part.view(last - first, bottom - top, TILE, across, TILE, outs).copy_(
                tiled[: last - first, : bottom - top]
            )
    if (height, width) == (down * TILE, across * TILE):
        return whole
    return whole[:, :, :height, :width].contiguous(memory_format=torch.channels_last)


def _transform(matrix: Tensor, tiles: Tensor, halfway: Tensor, out: Tensor) -> None:
    """Columns, then rows of tiles: (i, i, M) by (o, i), through (o, i, M), to (o, o, M)."""
    outs, ins = matrix.shape
    torch.mm(matrix, tiles.view(ins, -1), out=halfway.view(outs, -1))
    rows = halfway.view(outs, ins, -1)
    torch.bmm(matrix.expand(outs, outs, ins), rows, out=out.view(outs, outs, -1))


def _tiles(results: int) -> int:
    return -(-results // TILE)


def _chunk(channels: int, outs: int, count: int, down: int, across: int) -> tuple[int, int]:
    """Images and rows of tiles at a time: about as much as the filters weigh.

    More would leave the cache, fewer would read the filters too often.
    """
    wanted = max(32, channels * outs // (channels + outs))
    rows = min(down, max(1, round(wanted / across)))
    if rows < down:
        return 1, rows
    return min(count, max(1, round(wanted / (down * across)))), down


def _fill(band: Tensor, source: Tensor, top: int, left: int) -> None:
    """Rows from `top` (may be negative) of the images (N, H, W, C), zeros where there are none."""
    height, width = source.shape[1:3]
    start, stop = max(top, 0), min(top + band.shape[1], height)
    band[:, : start - top].zero_()
    band[:, stop - top :].zero_()
    band[:, start - top : stop - top, left : left + width].copy_(source[:, start:stop])
