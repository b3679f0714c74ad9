"""How large the values in a network can become: whether it can overflow at all."""

import math

import torch
from torch import Tensor

from impasto.inference import plan
from impasto.inference.plan import INPUT_SCALE, Plan

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
    bound = largest = entering
    for step in steps:
        match step:
            case plan.Convolve():
                sums = step.weight.abs().double().sum((1, 2, 3)) * bound
                bound = _greatest(sums if step.bias is None else sums + step.bias.abs())
            case plan.Normalise():
                bound = _greatest(step.weight.abs().double() * math.sqrt(pixels) + step.bias.abs())
            case plan.Residual():
                bound += largest_value(step.body, pixels, bound)
            case plan.Pad():
                bound = max(bound, abs(step.value))
        if math.isnan(bound):
            return bound
        largest = max(largest, bound)
    return largest


def _greatest(values: Tensor) -> float:
    return float(torch.amax(values))
