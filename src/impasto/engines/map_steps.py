"""The steps of a plan as feature maps over others, see `feature_maps`."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.engines.feature_maps import FeatureMap
from impasto.engines.stores import Store
from impasto.engines.tiles import Box
from impasto.networks.padding import reflection_index
from impasto.plans import plan
from impasto.plans.plan import Step
from impasto.plans.plan_network import mirror_index, module_of

SAME_SUMS_FROM = 128  # columns, see `Convolved`


class MapStep(FeatureMap):
    """A map made from `source`; by default of its size and number format."""

    def __init__(
        self,
        source: FeatureMap,
        *,
        channels: int | None = None,
        size_hw: tuple[int, int] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            channels or source.channels, size_hw or source.size_hw, dtype or source.dtype
        )
        self.source: FeatureMap = source


class _Indexed(MapStep):
    """Rows and columns of `source` by their numbers, which lie close together."""

    def __init__(self, source: FeatureMap, step: Step, index: Callable[[int], Tensor]) -> None:
        super().__init__(source, size_hw=_size_after(step, source))
        self._index = index

    @cached_property
    def rows(self) -> Tensor:
        return self._index(self.source.size_hw[0])

    @cached_property
    def columns(self) -> Tensor:
        return self._index(self.source.size_hw[1])

    @property
    def fresh(self) -> bool:
        return self.source.fresh

    def reach(self, box: Box) -> Box:
        top, bottom = _span(self.rows[box.top : box.bottom])
        left, right = _span(self.columns[box.left : box.right])
        return Box(top=top, bottom=bottom, left=left, right=right)

    def part(self, box: Box) -> Tensor:
        reached = self.reach(box)
        part = self.source.part(reached)
        part = _select(part, -2, self.rows[box.top : box.bottom] - reached.top)
        return _select(part, -1, self.columns[box.left : box.right] - reached.left)


class Mirrored(_Indexed):
    """`plan.Mirror`."""

    def __init__(self, source: FeatureMap, step: plan.Mirror) -> None:
        super().__init__(source, step, partial(mirror_index, step=step))


class Padded(_Indexed):
    """`plan.Pad`."""

    def __init__(self, source: FeatureMap, step: plan.Pad) -> None:
        super().__init__(source, step, partial(_padding_index, step=step))
        self.step = step

    def part(self, box: Box) -> Tensor:
        if self.step.mode != "constant":
            return super().part(box)
        before, (height, width) = self.step.before, self.source.size_hw
        inner = Box(top=before, bottom=before + height, left=before, right=before + width)
        known = Box(
            top=min(max(box.top, inner.top), inner.bottom),
            bottom=max(min(box.bottom, inner.bottom), inner.top),
            left=min(max(box.left, inner.left), inner.right),
            right=max(min(box.right, inner.right), inner.left),
        )
        if known.height <= 0 or known.width <= 0:
            shape = (1, self.channels, box.height, box.width)
            return torch.full(shape, self.step.value, dtype=self.dtype)
        part = self.source.part(known.within(inner))
        sides = (
            known.left - box.left,
            box.right - known.right,
            known.top - box.top,
            box.bottom - known.bottom,
        )
        return F.pad(part, sides, value=self.step.value) if any(sides) else part


class Applied(MapStep):
    """Any other step that sees a neighbourhood, in PyTorch's form of it."""

    def __init__(self, source: FeatureMap, step: Step, dtype: torch.dtype | None = None) -> None:
        size_hw, channels = _size_after(step, source), step.channels(source.channels)
        super().__init__(source, channels=channels, size_hw=size_hw, dtype=dtype)
        self.step, self._form = step, module_of(step)

    def reach(self, box: Box) -> Box:
        return _seen(self.step, box)

    def part(self, box: Box) -> Tensor:
        reached = self.reach(box)
        made: Tensor = self._form(self.source.part(reached))
        top, left = self.step.first(reached.top), self.step.first(reached.left)
        part = box.moved(-top, -left).of(made)
        return part.contiguous(memory_format=torch.channels_last)


class Convolved(MapStep):
    """`plan.Convolve`."""

    def __init__(
        self, source: FeatureMap, step: plan.Convolve, dtype: torch.dtype, device: torch.device
    ) -> None:
        size_hw, channels = _size_after(step, source), step.channels(source.channels)
        super().__init__(source, channels=channels, size_hw=size_hw, dtype=dtype)
        self.stride, self.step = step.stride, step
        weight = torch.tensor(step.weight)
        self.weight = weight.to(device, dtype, memory_format=torch.channels_last)
        self.bias = None if step.bias is None else torch.tensor(step.bias).to(device, dtype)

    def reach(self, box: Box) -> Box:
        return _seen(self.step, box)

    def part(self, box: Box) -> Tensor:
        wider = self._wide_enough(box)
        part = self.source.part(self.reach(wider)).to(self.dtype)
        made = F.conv2d(part, self.weight, self.bias, self.stride)
        return made if wider == box else box.within(wider).of(made)

    def _wide_enough(self, box: Box) -> Box:
        """In half precision narrow tiles would differ in the last bit, by another order of sums.

        With torch 2.13 on a processor with AMX those of less than 64 columns.
        """
        if self.dtype.itemsize == 4 or box.width >= SAME_SUMS_FROM:
            return box
        right = min(self.size_hw[1], max(box.right, SAME_SUMS_FROM))
        return replace(box, left=max(0, min(box.left, right - SAME_SUMS_FROM)), right=right)

    @property
    def operations(self) -> int:
        height, width = self.size_hw
        return self.weight.numel() * height * width + super().operations


class Enlarged(_Indexed):
    """`plan.Enlarge`: ten times as fast as F.interpolate is in bfloat16 (torch 2.13, CPU)."""

    def __init__(self, source: FeatureMap, step: plan.Enlarge) -> None:
        super().__init__(source, step, lambda size: torch.arange(2 * size) // 2)


class Cropped(MapStep):
    """`plan.Crop`; with `size_hw` `plan.Fit`."""

    def __init__(
        self, source: FeatureMap, border: int, size_hw: tuple[int, int] | None = None
    ) -> None:
        height, width = source.size_hw
        super().__init__(source, size_hw=size_hw or (height - 2 * border, width - 2 * border))
        self.border = border

    @property
    def fresh(self) -> bool:
        return self.source.fresh

    def reach(self, box: Box) -> Box:
        return box.moved(self.border, self.border)

    def part(self, box: Box) -> Tensor:
        return self.source.part(self.reach(box))


class Normalised(MapStep):
    """`plan.Normalise` by the statistics of the whole map, to be set before any part is read."""

    def __init__(self, source: FeatureMap, step: plan.Normalise, device: torch.device) -> None:
        super().__init__(source)
        # half-precision maps are normalised by float32 numbers
        exact = torch.float32 if source.dtype.itemsize < 4 else source.dtype
        self.weight = torch.tensor(step.weight, dtype=exact, device=device)
        self.bias = torch.tensor(step.bias, dtype=exact, device=device)
        self.mean, self.variance = torch.zeros_like(self.bias), torch.ones_like(self.bias)
        self.eps = step.eps

    def set_statistics(self, mean: Tensor, variance: Tensor) -> None:
        """Of the whole `source`, (C,) each; the variance is the biased one."""
        self.mean, self.variance = mean.to(self.bias), variance.to(self.bias)

    def part(self, box: Box) -> Tensor:
        part = self.source.part(box)
        # Batch norm with given statistics is the instance norm of one picture.
        return F.batch_norm(part, self.mean, self.variance, self.weight, self.bias, eps=self.eps)


class Rectified(MapStep):
    """`plan.Relu`."""

    def part(self, box: Box) -> Tensor:
        part = self.source.part(box)
        return part.relu_() if self.source.fresh else part.relu()


class Added(MapStep):
    """The sum of two maps of one size."""

    def __init__(self, source: FeatureMap, other: FeatureMap) -> None:
        super().__init__(source)
        self.other = other

    def part(self, box: Box) -> Tensor:
        part, other = self.source.part(box), self.other.part(box)
        return part.add_(other) if self.source.fresh else part + other

    @property
    def operations(self) -> int:
        return super().operations + self.other.operations

    def stores(self) -> frozenset[Store]:
        return self.source.stores() | self.other.stores()

    def working_bytes(self, box: Box) -> int:
        return super().working_bytes(box) + self.other.working_bytes(box)


class Remembered(MapStep):
    """Keeps the part it was last asked for in each range of columns: the next one overlaps with it.

    For maps that are made anew at every reading, tile by tile downwards.
    """

    def __init__(self, source: FeatureMap) -> None:
        super().__init__(source)
        self._kept: dict[tuple[int, int], tuple[Box, Tensor]] = {}

    @property
    def fresh(self) -> bool:
        return False

    def part(self, box: Box) -> Tensor:
        columns = (box.left, box.right)
        old, kept = self._kept.get(columns, (box, None))
        if kept is None or not old.top <= box.top < old.bottom < box.bottom:
            part = self.source.part(box)
        else:
            below = Box(top=old.bottom, bottom=box.bottom, left=box.left, right=box.right)
            part = torch.cat([kept[:, :, box.top - old.top :], self.source.part(below)], dim=2)
        self._kept[columns] = (box, part)
        return part

    def working_bytes(self, box: Box) -> int:
        across = -(-self.size_hw[1] // box.width)
        kept = across * box.height * box.width * self.pixel_bytes
        return super().working_bytes(box) + kept


def _padding_index(size: int, step: plan.Pad) -> Tensor:
    if step.mode == "reflect":
        return reflection_index(size, step.before, step.after)
    # of "constant" only where the samples begin and end is used
    return torch.arange(-step.before, size + step.after).clamp_(0, size - 1)


def _span(index: Tensor) -> tuple[int, int]:
    return int(index.min()), int(index.max()) + 1


def _select(part: Tensor, dim: int, index: Tensor) -> Tensor:
    """`index_select` of rows or columns; unlike PyTorch's, quick with channels last."""
    if len(index) == part.shape[dim] and int(index[0]) == 0 and int(index[-1]) == len(index) - 1:
        return part  # all of them as they are
    rows = part.permute(0, 2, 3, 1).index_select(dim - 1, index.to(part.device))
    return rows.permute(0, 3, 1, 2)


def _size_after(step: Step, source: FeatureMap) -> tuple[int, int]:
    height, width = source.size_hw
    return step.size(height), step.size(width)


def _seen(step: Step, box: Box) -> Box:
    top, bottom = step.sees(box.top, box.bottom)
    left, right = step.sees(box.left, box.right)
    return Box(top=top, bottom=bottom, left=left, right=right)


def view(step: Step, source: FeatureMap, device: torch.device) -> FeatureMap:
    """A step that is done when parts are read; maps stay in the number format of `source`.

    Raises TypeError for a step of which no parts can be made.
    """
    match step:
        case plan.Convolve():
            return Convolved(source, step, source.dtype, device)
        case plan.Normalise():
            return Normalised(source, step, device)
        case plan.Relu():
            return Rectified(source)
        case plan.Pad():
            return Padded(source, step)
        case plan.Enlarge():
            return Enlarged(source, step)
        case plan.Crop():
            return Cropped(source, step.border)
        case plan.Squash():  # in float32 at least
            half = source.dtype.itemsize < 4
            return Applied(source, step, torch.float32 if half else source.dtype)
    if not (isinstance(step, Step) and step.local):
        raise TypeError(f"no strip rule for {type(step).__name__}")
    return Applied(source, step)
