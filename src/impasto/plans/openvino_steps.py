"""A plan in the steps that OpenVINO is fast at; the same function, or nearly the same in int8.

int8: a convolution whose input comes out of an instance norm and a ReLU is done in whole numbers.
No photos are needed to find its input's range: the norm's output has mean and deviation that are
known, `bias` and `weight`, so the range ends RANGE_DEVIATIONS above the mean. All else, the sums
that residual blocks hand on, and the first and the last layer, stays in bfloat16.

Phases: 3 x 3 convolutions with half of the multiplications, in float32, by Winograd's minimal
filtering F(4, 3) (Lavin and Gray 2016, arXiv:1509.09308) along the rows: four results of three taps
take six products instead of twelve. Maps are held as their four phases, the columns 0, 4, 8 ...,
then 1, 5, 9 ... and so on: what is done before and after the products are sums of whole maps, which
OpenVINO makes in one go, and residual blocks stay in phases throughout.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from impasto.plans import plan
from impasto.plans.plan import Floats, Plan, Step

# On three photos of two sizes, the least PSNR of any bundled style was 35 dB with 8 (values beyond
# the range are cut off), 41 with 10, 44 with 12, 42 with 14 and 37 with 24 (steps too coarse).
RANGE_DEVIATIONS = 12.0


@dataclass(frozen=True, kw_only=True)
class EnlargeMirrored(Step):
    """Every sample twice, in both directions, and mirrored by one pixel on every side."""

    def write(self, writer: Any, features: Any) -> Any:
        return writer.enlarge_mirrored(features)


@dataclass(frozen=True, kw_only=True)
class Quantise(Step):
    """To 256 levels from 0 to `top`; what is above `top` becomes that."""

    top: float

    def write(self, writer: Any, features: Any) -> Any:
        return writer.in_levels(features, writer.floats(0.0), writer.floats(self.top), 256)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedConvolve(plan.Convolve):
    """A convolution whose kernels become whole numbers from -127 to 127, each with its scale."""

    def ends(self) -> Floats:
        """(O, 1, 1, 1): what 127 stands for."""
        largest: Floats = np.abs(self.weight).max((1, 2, 3), keepdims=True)
        return np.maximum(largest, np.finfo(np.float32).tiny)

    def write(self, writer: Any, features: Any) -> Any:
        ends = self.ends()
        low, high = writer.floats(-ends), writer.floats(ends)
        weight = writer.in_levels(writer.floats(self.weight), low, high, 255)
        return writer.convolve(features, weight, None, self.stride)


_MIRRORED = plan.Pad(before=1, after=1, mode="reflect")


def with_mirrored_borders(steps: Plan) -> Plan:
    """Enlarging and mirroring the enlarged map, a copy of it, become one step."""
    made: list[Step] = []
    for step in steps:
        if step == _MIRRORED and made and isinstance(made[-1], plan.Enlarge):
            made[-1] = EnlargeMirrored()
        else:
            made.append(step)
    return tuple(made)


def quantised(steps: Plan) -> Plan:
    """The plan with its inner convolutions in int8, where a norm and a ReLU stand before them."""
    return tuple(_quantised(steps, None))


def _quantised(steps: Plan, norm: plan.Normalise | None) -> list[Step]:
    made: list[Step] = []
    relu = norm is not None
    for step in steps:
        match step:
            case plan.Residual():
                inner = _quantised(step.body, norm if relu else None)
                made.append(plan.Residual(body=tuple(inner), crop=step.crop))
                norm, relu = None, False
            case plan.Convolve() if norm is not None and relu and step.bias is None:
                _insert_before_borders(made, Quantise(top=_top(norm)))
                made.append(QuantisedConvolve(weight=step.weight, stride=step.stride))
                norm, relu = None, False
            case plan.Normalise():
                made.append(step)
                norm, relu = step, False
            case _:
                made.append(step)
                relu = relu or isinstance(step, plan.Relu)
                if not isinstance(step, plan.Relu | plan.Pad | plan.Enlarge):
                    norm = None
    return made


def _top(norm: plan.Normalise) -> float:
    highest = np.abs(norm.weight) * RANGE_DEVIATIONS + norm.bias
    return max(float(highest.max()), 1e-3)


def _insert_before_borders(made: list[Step], step: Quantise) -> None:
    """Borders and enlarged maps are then copies of bytes."""
    place = len(made)
    while place and isinstance(made[place - 1], plan.Pad | plan.Enlarge):
        place -= 1
    made.insert(place, step)


PHASES = 4
FEWEST_CHANNELS = 32  # with fewer the sums cost what the products save
_ZEROS = plan.Pad(before=1, after=1, mode="constant")
# For the points 0, 1, -1, 2, -2 and infinity.
_FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Phased(Step):
    """`body`, of a map's phases: 3 x 3 convolutions with their border of zeros, ReLU, residuals."""

    body: Plan

    def write(self, writer: Any, features: Any) -> Any:
        return _PhasedWriter(writer, features).through(self.body)


def in_phases(steps: Plan) -> Plan:
    """The plan with all that can be done in phases done so; the sizes of maps must be known."""
    made: list[Step] = []
    run: list[Step] = []
    for step in (*steps, None):
        if step is not None and _suits(step, steps):
            run.append(step)
            continue
        made += _flushed(run)
        run = []
        if isinstance(step, plan.Sum):
            step = replace(step, body=in_phases(step.body))
        if step is not None:
            made.append(step)
    return tuple(made)


def _flushed(run: list[Step]) -> list[Step]:
    """A run in phases, if that pays: from its first convolution to its last."""
    heavy = [at for at, step in enumerate(run) if not isinstance(step, plan.Relu | plan.Pad)]
    if not heavy:
        return run
    start = heavy[0] - (run[heavy[0] - 1] == _ZEROS if heavy[0] else 0)
    stop = heavy[-1] + 1
    return [*run[:start], Phased(body=tuple(run[start:stop])), *run[stop:]]


def _suits(step: Step, steps: Plan) -> bool:
    if isinstance(step, plan.Residual):
        return step.crop == 0 and all(_suits(inner, step.body) for inner in step.body)
    at = next(at for at, each in enumerate(steps) if each is step)
    if step == _ZEROS:
        return at + 1 < len(steps) and _is_heavy(steps[at + 1])
    if isinstance(step, plan.Convolve):
        return _is_heavy(step) and at > 0 and steps[at - 1] == _ZEROS
    return isinstance(step, plan.Relu)


def _is_heavy(step: Step) -> bool:
    if not isinstance(step, plan.Convolve) or step.stride != 1:
        return False
    return step.weight.shape[2:] == (3, 3) and min(step.weight.shape[:2]) >= FEWEST_CHANNELS


class _PhasedWriter:
    """Writes steps on the phases of one map; `writer` is OpenVINO's."""

    def __init__(self, writer: Any, features: Any) -> None:
        self.writer, self.op = writer, writer.op
        self.width = int(features.get_output_shape(0)[3])
        self.columns = -(-self.width // PHASES)
        behind = self.columns * PHASES - self.width
        padded = self._padded(features, 0, behind)
        self.phases = [self._columns(padded, at, PHASES) for at in range(PHASES)]
        last = np.ones((1, 1, 1, self.columns), np.float32)
        last[..., -1] = 0
        # what lies beyond the map's end stays zero, as its border is
        self.inside = [last if at >= PHASES - behind else None for at in range(PHASES)]

    def through(self, steps: Plan) -> Any:
        """The map that the steps make."""
        maps = self._all(steps, self.phases)
        each = [self.op.unsqueeze(phase, self.writer.integers(4)) for phase in maps]
        joined = self.op.concat(each, 4)
        channels, height = (int(joined.get_output_shape(0)[axis]) for axis in (1, 2))
        shape = (1, channels, height, self.columns * PHASES)
        joined = self.op.reshape(joined, self.writer.integers(shape), False)
        return self._part(joined, 0, self.width, 1)

    def _all(self, steps: Plan, maps: list[Any]) -> list[Any]:
        for step in steps:
            if isinstance(step, plan.Residual):
                branch = self._all(step.body, maps)
                maps = [self.op.add(*pair) for pair in zip(maps, branch, strict=True)]
            elif isinstance(step, plan.Convolve):
                maps = self._convolved(step, maps)
            elif isinstance(step, plan.Relu):
                maps = [self.op.relu(phase) for phase in maps]
        return maps

    def _convolved(self, step: plan.Convolve, maps: list[Any]) -> list[Any]:
        before = self._columns(self._padded(maps[-1], 1, 0), 0, 1)
        after = self._columns(self._padded(maps[0], 0, 1), 1, 1)
        filters = np.einsum("il,ockl->iock", np.array(_FILTER), step.weight.astype(np.float64))
        products = [
            self._product(values, self.writer.floats(taps[..., None]))
            for values, taps in zip(self._seen([before, *maps, after]), filters, strict=True)
        ]
        results = self._results(products)
        if step.bias is not None:
            bias = self.writer.floats(step.bias.reshape(1, -1, 1, 1))
            results = [self.op.add(result, bias) for result in results]
        return [
            result if inside is None else self.op.multiply(result, self.writer.floats(inside))
            for result, inside in zip(results, self.inside, strict=True)
        ]

    def _seen(self, d: list[Any]) -> list[Any]:
        """What the filters see of six columns: the rows of the input's transform."""
        add, subtract, times = self.op.add, self.op.subtract, self._times
        across, inner = subtract(d[4], d[2]), subtract(d[3], d[1])
        even, odd = subtract(d[4], times(d[2], 4)), subtract(d[3], times(d[1], 4))
        twice = times(inner, 2)
        return [
            add(times(subtract(d[0], d[2]), 4), across),
            add(even, odd),
            subtract(even, odd),
            add(across, twice),
            subtract(across, twice),
            subtract(subtract(d[5], d[3]), times(inner, 4)),
        ]

    def _results(self, m: list[Any]) -> list[Any]:
        """Four columns of six products."""
        add, subtract, times = self.op.add, self.op.subtract, self._times
        near, far = add(m[1], m[2]), add(m[3], m[4])
        left, right = subtract(m[1], m[2]), subtract(m[3], m[4])
        return [
            add(add(m[0], near), far),
            add(left, times(right, 2)),
            add(near, times(far, 4)),
            add(add(left, times(right, 8)), m[5]),
        ]

    def _product(self, values: Any, taps: Any) -> Any:
        return self.op.convolution(values, taps, [1, 1], [1, 0], [1, 0], [1, 1])

    def _times(self, values: Any, factor: int) -> Any:
        return self.op.multiply(values, self.writer.floats(float(factor)))

    def _padded(self, values: Any, before: int, after: int) -> Any:
        """Columns of zeros."""
        if before == after == 0:
            return values
        ends = (self.writer.integers((0, 0, 0, count)) for count in (before, after))
        return self.op.pad(values, *ends, "constant", self.writer.floats(0.0))

    def _columns(self, values: Any, start: int, step: int) -> Any:
        """`columns` of them, from one on."""
        return self._part(values, start, start + (self.columns - 1) * step + 1, step)

    def _part(self, values: Any, start: int, stop: int, step: int) -> Any:
        ends = (self.writer.integers((each,)) for each in (start, stop, step, 3))
        return self.op.slice(values, *ends)
