"""A plan in the steps that OpenVINO is fast at; the same function, or nearly the same in int8.

int8: a convolution whose input comes out of an instance norm and a ReLU is done in whole numbers.
No photos are needed to find its input's range: the norm's output has mean and deviation that are
known, `bias` and `weight`, so the range ends RANGE_DEVIATIONS above the mean. All else, the sums
that residual blocks hand on, and the first and the last layer, stays in bfloat16.
"""

from dataclasses import dataclass
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


_BORDER = plan.Pad(before=1, after=1, mode="reflect")


def with_mirrored_borders(steps: Plan) -> Plan:
    """Enlarging and mirroring the enlarged map, a copy of it, become one step."""
    made: list[Step] = []
    for step in steps:
        if step == _BORDER and made and isinstance(made[-1], plan.Enlarge):
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
