"""The passes of a plan over a picture, tile by tile: what runs them, and what only counts them.

A pass is one convolution over the whole picture, with all that is done to a map as it is read. It
stores a map, finds the statistics of a norm, or both.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.engines.feature_maps import CELL_HW, FeatureMap, ImageLevels, Moments, Stored
from impasto.engines.map_steps import Added, Cropped, Mirrored, Normalised, Remembered, view
from impasto.engines.stores import Store
from impasto.engines.tiles import Box, split, whole
from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.machine.precision import NotFiniteError as NotFiniteError
from impasto.plans import plan
from impasto.plans.continuation import continued
from impasto.plans.plan import Plan, Step

# What one strip of a layer's output takes: on a CPU a good part of a core's cache, elsewhere
# enough to keep thousands of threads busy.
CPU_TILE_BYTES = 2 * 2**20
OTHER_TILE_BYTES = 256 * 2**20
ASPECT = 4  # tiles are so many times as wide as high: rows lie together in memory


class Worker(ABC):
    """What is done with the passes of a plan."""

    @abstractmethod
    def run(self, source: FeatureMap, norm: Normalised | None, *, keep: bool) -> FeatureMap:
        """Go through the whole of `source`: find the statistics for `norm`, and store it if `keep`.

        Gives what is to be read from now on in its place.
        """

    @abstractmethod
    def free(self, stores: frozenset[Store]) -> None:
        """These maps will not be read again."""


def run_plan(
    steps: Plan,
    image: ImageLevels,
    worker: Worker,
    device: torch.device,
    *,
    recompute: bool = False,
    border: int = 0,
) -> FeatureMap:
    """Have `worker` run all passes of a plan but the last -> the painting, made when it is read.

    recompute: the largest maps are made twice, once for the statistics and once for what is made of
    them, and never stored. border: of the image's continuation, see `continuation`.
    """
    first, *body, last = steps
    if not isinstance(first, plan.Mirror) or not isinstance(last, plan.Fit):
        raise TypeError("a plan begins by mirroring the image, and ends by cropping to it")
    if border:
        first = continued(first, border)
    passes = _Passes(worker=worker, device=device, recompute=recompute)
    painting = passes.through(body, Mirrored(image, first), held=frozenset())
    return Cropped(painting, border, image.size_hw)


@dataclass(kw_only=True)
class _Passes:
    worker: Worker
    device: torch.device
    recompute: bool

    def through(
        self, steps: Sequence[Step], source: FeatureMap, held: frozenset[Store]
    ) -> FeatureMap:
        """What the steps make of `source`; `held` is still needed by somebody else."""
        steps = list(steps)
        while steps:
            step = steps.pop(0)
            if isinstance(step, plan.Residual):
                source = self._residual(step, source, held)
                continue
            if isinstance(step, plan.Normalise):  # other than right behind a convolution
                source = self._pass(source, [step, *steps], held)
                steps = steps[1:] if steps and isinstance(steps[0], plan.Relu) else steps
                continue
            source = view(step, source, self.device)
            if isinstance(step, plan.Convolve):
                while steps and isinstance(steps[0], plan.Shuffle | plan.Crop):
                    source = view(steps.pop(0), source, self.device)
                if not (steps and isinstance(steps[0], plan.Squash)):
                    source = self._pass(source, steps, held)
        return source

    def _pass(self, source: FeatureMap, steps: list[Step], held: frozenset[Store]) -> FeatureMap:
        """Run the pass that makes `source`, and take its norm and ReLU off `steps`."""
        keep = not (self.recompute and self._is_peak(source, steps))
        norm = None
        if steps and isinstance(steps[0], plan.Normalise):
            norm = Normalised(source, steps.pop(0), self.device)  # type: ignore[arg-type]
        read = self.worker.run(source, norm, keep=keep or norm is None)
        self.worker.free(source.stores() - read.stores() - held)
        if norm is not None:
            norm.source = read
            read = norm
        if steps and isinstance(steps[0], plan.Relu):
            read = view(steps.pop(0), read, self.device)
        return read if keep else Remembered(read)

    def _residual(
        self, step: plan.Residual, source: FeatureMap, held: frozenset[Store]
    ) -> FeatureMap:
        skip = Cropped(source, step.crop) if step.crop else source
        branch = self.through(step.body, source, held | source.stores())
        total = Added(branch, skip)
        read = self.worker.run(total, None, keep=True)
        self.worker.free(total.stores() - read.stores() - held)
        return read

    def _is_peak(self, source: FeatureMap, steps: Sequence[Step]) -> bool:
        """Whether a map is larger than what it is made of, and than what is made of it next.

        Making it again is then cheaper than the way to the disk and back.
        """
        own = source.nbytes
        if own <= sum(store.nbytes for store in source.stores()) or _is_made_twice(source):
            return False
        following = source
        for step in steps:
            if isinstance(step, plan.Residual):
                return False
            following = view(step, following, self.device)
            if isinstance(step, plan.Convolve):
                return following.nbytes < own
        return False


def _is_made_twice(source: FeatureMap) -> bool:
    part: FeatureMap | None = source
    while part is not None:
        if isinstance(part, Remembered):
            return True
        part = part.source
    return False


@dataclass(kw_only=True)
class Rehearsal(Worker):
    """Runs nothing, and notes what would be needed.

    costs: of each pass, as multiplications. peak_bytes: of what is stored at a time.
    """

    costs: list[int] = field(default_factory=list)
    peak_bytes: int = 0
    _live: int = 0

    def run(self, source: FeatureMap, norm: Normalised | None, *, keep: bool) -> FeatureMap:  # noqa: ARG002
        self.costs.append(cost(source))
        if not keep:
            return source
        store = _Nowhere(source.channels, source.size_hw, source.dtype)
        self._live += store.nbytes
        self.peak_bytes = max(self.peak_bytes, self._live)
        return Stored(store)

    def free(self, stores: frozenset[Store]) -> None:
        self._live -= sum(store.nbytes for store in stores)


class _Nowhere(Store):
    def read(self, box: Box) -> Tensor:
        raise NotImplementedError

    def write(self, box: Box, part: Tensor) -> None:
        raise NotImplementedError

    def free(self) -> None:
        raise NotImplementedError


# Moving one value through norm, border and memory takes about as long as so many multiplications.
_MOVE_OPERATIONS = 400


def cost(source: FeatureMap) -> int:
    """The work of one pass over a map, in multiplications."""
    height, width = source.size_hw
    return source.operations + _MOVE_OPERATIONS * source.channels * height * width


NewStore = Callable[[int, FeatureMap], Store]


class Journal:
    """What finished passes found out, so that they need not run again; this one forgets it."""

    def find(self, index: int) -> tuple[Tensor, Tensor] | None:  # noqa: ARG002
        """Mean and variance that pass `index` found (empty if it had no norm to find them for)."""
        return None

    def note(self, index: int, mean: Tensor, variance: Tensor) -> None:
        """Pass `index` is finished, and its map is stored."""


@dataclass(kw_only=True)
class PassRunner(Worker):
    """Runs the passes.

    new_store: makes room for the map of a pass, given its number. index: the next pass's number.
    tile_bytes: what a tile may take, with all that is made on the way to it. on_work: hears of work
    done, as `cost` counts it.
    """

    device: torch.device
    new_store: NewStore
    tile_hw: tuple[int, int] | None = None
    tile_bytes: int | None = None
    journal: Journal = field(default_factory=Journal)
    on_work: Callable[[int], object] = lambda work: None  # noqa: ARG005
    index: int = 0

    def run(self, source: FeatureMap, norm: Normalised | None, *, keep: bool) -> FeatureMap:
        index, self.index = self.index, self.index + 1
        store = self.new_store(index, source) if keep else None
        found = self.journal.find(index)
        if found is None:
            found = self._go_through(source, store, gather=norm is not None)
            self.journal.note(index, *found)
        else:
            self.on_work(cost(source))
        if norm is not None:
            norm.set_statistics(*found)
        return source if store is None else Stored(store)

    def free(self, stores: frozenset[Store]) -> None:
        for store in stores:
            store.free()

    def _go_through(
        self, source: FeatureMap, store: Store | None, *, gather: bool
    ) -> tuple[Tensor, Tensor]:
        moments = Moments(source.channels, self.device)
        work = cost(source)
        for box in self._own_tiles(source):
            part = source.part(box)
            if store is not None:
                store.write(box, part)
            if gather:
                moments.update(part, box)
            self.on_work(work * box.height * box.width // (source.size_hw[0] * source.size_hw[1]))
        if not gather:
            return torch.empty(0), torch.empty(0)
        variance = moments.variance()
        if not torch.isfinite(variance).all():
            raise NotFiniteError("a map holds NaN or infinity")
        return moments.mean, variance

    def tiles(self, source: FeatureMap, rows: Box | None = None) -> list[Box]:
        """The tiles in which a map, or a part of it, is gone through."""
        area = rows or whole(source.size_hw)
        return split(area, self.tile_hw or choose_tile(source, self.device, self.tile_bytes))

    def _own_tiles(self, source: FeatureMap) -> list[Box]:
        """Those of a pass: they cut no cells of its statistics, if their size allows."""
        high, wide = self.tile_hw or choose_tile(source, self.device, self.tile_bytes)
        whole_cells = high % CELL_HW[0] == 0 and wide % CELL_HW[1] == 0
        multiple = CELL_HW if self.tile_hw is None or whole_cells else 1
        return split(whole(source.size_hw), (high, wide), multiple=multiple)


def choose_tile(source: FeatureMap, device: torch.device, limit: int | None) -> tuple[int, int]:
    """The (high, wide) of the parts of a map to make at a time, within `limit` bytes in all.

    Raises OptionError if not even small ones fit.
    """
    height, width = source.size_hw
    pixels = max(1, (CPU_TILE_BYTES if device.type == "cpu" else OTHER_TILE_BYTES))
    pixels //= source.pixel_bytes
    while True:
        wide = min(width, _multiple(int((ASPECT * pixels) ** 0.5), CELL_HW[1]))
        high = min(height, _multiple(pixels // wide, CELL_HW[0]))
        middle = Box(top=0, bottom=high, left=0, right=wide).moved(
            (height - high) // 2, (width - wide) // 2
        )
        needed = source.working_bytes(middle)
        if limit is None or needed <= limit:
            return high, wide
        if (high, wide) == (min(height, CELL_HW[0]), min(width, CELL_HW[1])):
            raise OptionError(
                f"not enough memory even for a tile of {wide} x {high} px of {width} px in all: it "
                f"takes {in_words(needed)}, and {in_words(max(limit, 0))} are left; allow "
                f"{in_words(needed - limit)} more"
            )
        pixels //= 2


def _multiple(size: int, unit: int) -> int:
    return max(unit, size // unit * unit)
