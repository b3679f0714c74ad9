"""Projected L-BFGS: minimise a smooth function of an image whose samples stay within bounds."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import OptimizationError, OptionError

# A trial step is taken if it lowers the value by this share of what the slope promises (Armijo).
SUFFICIENT = 1e-4
# s.y below this share of y.y says nothing certain about curvature, and the pair is left out.
CURVATURE = 1e-10
MAX_TRIALS = 20
# The first step has no curvature to go by: it moves the samples by this on average, then doubles
# as long as that pays.
FIRST_MOVE = 0.01
MAX_DOUBLINGS = 8

Objective = Callable[[Tensor], tuple[float, Tensor]]


@dataclass(frozen=True, kw_only=True)
class LbfgsStep:
    """The state after one iteration; iteration 0 is the start itself.

    `point` is the accepted point within the bounds (not a copy: it is never changed afterwards),
    `value` the objective there.
    """

    iteration: int
    value: float
    point: Tensor


class _Place(NamedTuple):
    """A point, with the objective's value and gradient there."""

    point: Tensor
    value: float
    gradient: Tensor

    def is_finite(self) -> bool:
        return is_finite(self.value, self.gradient)


def projected_lbfgs(
    objective: Objective,
    start: Tensor,
    *,
    lower: float = 0.0,
    upper: float = 1.0,
    iterations: int = 500,
    history: int = 10,
    tolerance: float = 0.0,
    slack: float = 0.0,
) -> Iterator[LbfgsStep]:
    """Yield `start` clamped to [lower, upper], then each iterate, all within these bounds.

    `objective(x)` gives the value and the gradient at x, a tensor of the start's shape. This is
    the paper's projected L-BFGS (section 4.1: clip at each iteration) made to converge to the
    bounded minimum: a sample that lies on a bound and is pushed outwards takes no part in the
    direction, which comes from the last `history` curvature pairs of the others (Bertsekas' two-
    metric projection); then a backtracking line search along the clipped path, until the value
    falls enough (Armijo). It ends after `iterations`, when the largest component of the projected
    gradient is at most `tolerance`, or when no step along the gradient lowers the value any more.
    `slack` forgives rises of this share of the value, for an objective of reduced precision.

    Raises OptionError for bounds that are not lower < upper, a count below 1 or a start that is
    not finite; OptimizationError if the objective or its gradient is not finite at the start.
    """
    _check(start, lower, upper, iterations, history)
    point = start.detach().clamp(lower, upper)
    here = _Place(point, *objective(point))
    if not here.is_finite():
        raise OptimizationError(
            f"the objective is {here.value} at the start (or its gradient is not finite); lower "
            "the weights, or use float32"
        )
    yield LbfgsStep(iteration=0, value=here.value, point=point)
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=history)
    for iteration in range(1, iterations + 1):
        outwards = (here.point <= lower) & (here.gradient > 0)
        free = ~(outwards | (here.point >= upper) & (here.gradient < 0))
        slope = here.gradient * free
        if not float(slope.abs().max()) > tolerance:
            return
        while True:
            direction = -_inverse_hessian_times(slope, pairs, free)
            if not float((direction * slope).sum()) < 0:
                pairs.clear()
                direction = -slope
            tried: list[_Place] = []
            search = _line_search(here, direction, (lower, upper), slack, tried, outwards=not pairs)
            for candidate in search:
                tried[:] = [_Place(candidate, *objective(candidate))]
            if tried or not pairs:
                break
            pairs.clear()  # what was learnt of the curvature misleads here: begin anew
        if not tried:
            return
        before, here = here, tried[0]
        moved, change = here.point - before.point, here.gradient - before.gradient
        if float((moved * change).sum()) > CURVATURE * float(change.square().sum()):
            pairs.append((moved, change))
        yield LbfgsStep(iteration=iteration, value=here.value, point=here.point)


def _line_search(
    here: _Place,
    direction: Tensor,
    bounds: tuple[float, float],
    slack: float,
    tried: list[_Place],
    *,
    outwards: bool,
) -> Iterator[Tensor]:
    """Backtrack along the clipped path; `outwards`: then look further out while that pays.

    It only proposes points; whoever tries one puts it into `tried`, alone, before asking for the
    next. At the end that holds what is accepted, if anything is.
    """
    size = max(float(direction.abs().mean()), 1e-30)
    step = FIRST_MOVE / size if outwards else 1.0
    found = None
    for _ in range(MAX_TRIALS):
        point = (here.point + step * direction).clamp(*bounds)
        promised = float((here.gradient * (point - here.point)).sum())
        yield point
        (reached,) = tried
        allowed = here.value + SUFFICIENT * promised + slack * abs(here.value)
        if reached.is_finite() and reached.value <= allowed and promised < 0:
            found = reached
            break
        # The minimum of the parabola through what is known, kept within sensible bounds.
        excess = reached.value - here.value - promised
        share = -promised / (2 * excess) if reached.is_finite() and excess > 0 else 0.1
        step *= min(max(share, 0.1), 0.5)
    for _ in range(MAX_DOUBLINGS if outwards and found is not None else 0):
        step *= 2
        yield (here.point + step * direction).clamp(*bounds)
        (reached,) = tried
        if not reached.is_finite() or found is None or reached.value >= found.value:
            break
        found = reached
    tried[:] = [] if found is None else [found]


def _inverse_hessian_times(
    gradient: Tensor, pairs: deque[tuple[Tensor, Tensor]], free: Tensor
) -> Tensor:
    """The two-loop recursion (Nocedal 1980) over the free samples; 0 at the others."""
    usable: list[tuple[Tensor, Tensor, float, float]] = []
    for moved, change in pairs:
        moved, change = moved * free, change * free
        curvature, size = float((moved * change).sum()), float(change.square().sum())
        if curvature > CURVATURE * size:
            usable.append((moved, change, curvature, size))
    result = gradient.clone()
    shares: list[float] = []
    for moved, change, curvature, _ in reversed(usable):
        shares.append(float((moved * result).sum()) / curvature)
        result.sub_(change, alpha=shares[-1])
    if usable:
        _, _, curvature, size = usable[-1]
        result.mul_(curvature / size)
    for (moved, change, curvature, _), share in zip(usable, reversed(shares), strict=True):
        result.add_(moved, alpha=share - float((change * result).sum()) / curvature)
    return result


def is_finite(value: float, gradient: Tensor) -> bool:
    """Whether an objective's value is a number, and so is all of its gradient."""
    return math.isfinite(value) and bool(torch.isfinite(gradient).all())


def _check(start: Tensor, lower: float, upper: float, iterations: int, history: int) -> None:
    if not lower < upper:
        raise OptionError(f"got bounds {lower} and {upper}; wanted lower < upper")
    if iterations < 1 or history < 1:
        raise OptionError(f"got {iterations} iterations, history {history}; wanted 1 or more")
    if not bool(torch.isfinite(start).all()):
        raise OptionError("the start holds NaN or infinity; give finite samples")
