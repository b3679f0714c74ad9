"""Reflection padding by any amount, for maps of any size."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def reflection_index(size: int, before: int, after: int) -> Tensor:
    """Indices that extend `size` samples by mirroring at both ends, edge sample not repeated.

    Mirrors again and again when the padding exceeds the size (as numpy.pad "reflect" does);
    a single sample is repeated.
    """
    period = max(2 * (size - 1), 1)
    position = torch.arange(-before, size + after).remainder(period)
    return torch.where(position < size, position, period - position)


def reflect_pad(image: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """(N, C, H, W) -> (N, C, top+H+bottom, left+W+right), mirrored; any H, W >= 1."""
    height, width = image.shape[-2:]
    if max(left, right) < width and max(top, bottom) < height:
        return F.pad(image, (left, right, top, bottom), mode="reflect")
    rows = reflection_index(height, top, bottom).to(image.device)
    columns = reflection_index(width, left, right).to(image.device)
    return image.index_select(-2, rows).index_select(-1, columns)


def pad_border(features: Tensor, border: int, mode: str) -> Tensor:
    """Pad (N, C, H, W) by `border` on all sides; mode "reflect" or "replicate" (border 1 only).

    The same numbers and gradient as torch.nn.functional.pad, whose backward pass on the CPU
    copies channels_last maps to NCHW and back, and whose forward pass on a graphics card too. A
    compiler makes its own of the plain form.
    """
    # Padding only moves values, but autocast would turn them into float32 for it and back again.
    with torch.autocast(features.device.type, enabled=False):
        if features.is_cpu:
            own = features.requires_grad
        else:
            own = features.is_contiguous(memory_format=torch.channels_last)
        if own and not torch.compiler.is_compiling():
            padded: Tensor = _PadBorder.apply(features, border, mode)  # type: ignore[no-untyped-call]
            return padded
        if mode == "replicate" and torch.compiler.is_compiling():
            # the compiler expects another memory format of its backward pass than that gives
            rows = torch.cat([features[..., :1, :], features, features[..., -1:, :]], -2)
            return torch.cat([rows[..., :1], rows, rows[..., -1:]], -1)
        return F.pad(features, (border,) * 4, mode=mode)


class _PadBorder(torch.autograd.Function):
    @staticmethod
    def forward(features: Tensor, border: int, mode: str) -> Tensor:
        if features.is_cpu:
            return F.pad(features, (border,) * 4, mode=mode)
        return _padded_channels_last(features, border, mode)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, str], output: Tensor) -> None:  # noqa: ARG004
        _, ctx.border, ctx.mode = inputs

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        """Add what fell on the border to the samples that it mirrors; one copy of the map."""
        grad, border, mode = grad_outputs[0], ctx.border, ctx.mode
        height, width = grad.shape[-2] - 2 * border, grad.shape[-1] - 2 * border
        middle = grad.narrow(-2, border, height)
        inner = middle.narrow(-1, border, width).clone(memory_format=torch.preserve_format)
        _add_mirrored(
            inner, -1, middle.narrow(-1, 0, border), middle.narrow(-1, -border, border), mode
        )
        # the corners fold twice: the strips above and below fold their own ends first
        above, below = (
            _fold_columns(grad.narrow(-2, start, border), border, width, mode)
            for start in (0, border + height)
        )
        _add_mirrored(inner, -2, above, below, mode)
        return inner, None, None


def _padded_channels_last(features: Tensor, border: int, mode: str) -> Tensor:
    """(N, C, h, w) in channels_last -> the same format, `border` samples more on every side."""
    count, channels, height, width = features.shape
    size = (count, channels, height + 2 * border, width + 2 * border)
    padded = torch.empty(
        size,
        dtype=features.dtype,
        device=features.device,
        memory_format=torch.channels_last,
    )
    rows = padded.narrow(-2, border, height)
    rows.narrow(-1, border, width).copy_(features)
    _mirror_ends(rows, -1, border, mode)
    _mirror_ends(padded, -2, border, mode)
    return padded


def _mirror_ends(padded: Tensor, dim: int, border: int, mode: str) -> None:
    """Fill the outermost `border` places along `dim` from those inside."""
    skip = 1 if mode == "reflect" else 0  # reflection does not repeat the edge sample
    size = padded.shape[dim]
    first = padded.narrow(dim, border + skip, border)
    last = padded.narrow(dim, size - 2 * border - skip, border)
    padded.narrow(dim, 0, border).copy_(_flipped(first, dim))
    padded.narrow(dim, size - border, border).copy_(_flipped(last, dim))


def _flipped(strip: Tensor, dim: int) -> Tensor:
    return strip if strip.shape[dim] == 1 else strip.flip(dim)


def _fold_columns(strip: Tensor, border: int, width: int, mode: str) -> Tensor:
    inner = strip.narrow(-1, border, width).clone()
    _add_mirrored(inner, -1, strip.narrow(-1, 0, border), strip.narrow(-1, -border, border), mode)
    return inner


def _add_mirrored(inner: Tensor, dim: int, first: Tensor, last: Tensor, mode: str) -> None:
    border, size = first.shape[dim], inner.shape[dim]
    skip = 1 if mode == "reflect" else 0  # reflection does not repeat the edge sample
    inner.narrow(dim, skip, border).add_(_flipped(first, dim))
    inner.narrow(dim, size - skip - border, border).add_(_flipped(last, dim))
