"""How large the values in a network can become: whether it can overflow at all."""

import math

import numpy as np

from impasto.plans import plan
from impasto.plans.plan import INPUT_SCALE, Floats, Plan

MOST_PIXELS = 2**34  # of any image that has been painted here
LARGEST_FLOAT32 = 3.4e38  # bfloat16 ends there as well


def cannot_overflow(steps: Plan, pixels: int) -> bool:
    """Whether no image of that many pixels can take the network out of float32's range.

    True only if it is proven: by the sums of each kernel's magnitudes, and by what an instance norm
    can give at most, the root of the number of samples. False if a weight is NaN.
    """
    # a norm sums the squares of its samples
    return largest_value(steps, pixels) ** 2 * pixels < LARGEST_FLOAT32


def largest_value(steps: Plan, pixels: int, entering: float = INPUT_SCALE) -> float:
    """A bound on the magnitude of every value in every map; infinity or NaN if there is none."""
    return _bounds(steps, pixels, entering)[1]


def _bounds(steps: Plan, pixels: int, entering: float) -> tuple[float, float]:
    """Of what comes out at the end, and of everything on the way."""
    bound = largest = entering
    for step in steps:
        match step:
            case plan.Convolve():
                sums = np.abs(step.weight).sum((1, 2, 3), dtype=np.float64) * bound
                bound = _greatest(sums if step.bias is None else sums + np.abs(step.bias))
            case plan.Normalise():
                weight = np.abs(step.weight.astype(np.float64))
                bound = _greatest(weight * math.sqrt(pixels) + np.abs(step.bias))
            case plan.Residual():
                branch, inside = _bounds(step.body, pixels, bound)
                bound += branch
                largest = max(largest, inside)
                if math.isnan(inside):
                    return inside, inside
            case plan.Pad():
                bound = max(bound, abs(step.value))
        if math.isnan(bound):
            return bound, bound
        largest = max(largest, bound)
    return bound, largest


def _greatest(values: Floats) -> float:
    return float(np.amax(values))
