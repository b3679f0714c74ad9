"""Projected L-BFGS: minimise a smooth function of an image whose samples stay within bounds."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
    `value` the objective there, `evaluations` how often the objective has been called so far.
    """

    iteration: int
    value: float
    point: Tensor
    evaluations: int


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
    value, gradient = objective(point)
    evaluations = 1
    if not _finite(value, gradient):
        raise OptimizationError(
            f"the objective is {value} at the start (or its gradient is not finite); lower the "
            "weights, or use float32"
        )
    yield LbfgsStep(iteration=0, value=value, point=point, evaluations=evaluations)
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=history)
    for iteration in range(1, iterations + 1):
        free = ~((point <= lower) & (gradient > 0) | (point >= upper) & (gradient < 0))
        slope = gradient * free
        if not float(slope.abs().max()) > tolerance:
            return
        while True:
            direction = -_inverse_hessian_times(slope, pairs, free)
            if not float((direction * slope).sum()) < 0:
                pairs.clear()
                direction = -slope
            found = _search(
                objective, point, value, gradient, direction, (lower, upper), slack, not pairs
            )
            evaluations += found.evaluations
            if found.gradient is not None or not pairs:
                break
            pairs.clear()  # what was learnt of the curvature misleads here: begin anew
        if found.gradient is None:
            return
        moved, change = found.point - point, found.gradient - gradient
        if float((moved * change).sum()) > CURVATURE * float(change.square().sum()):
            pairs.append((moved, change))
        point, value, gradient = found.point, found.value, found.gradient
        yield LbfgsStep(iteration=iteration, value=value, point=point, evaluations=evaluations)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The point that a line search accepted; `gradient` is None if there was none."""

    point: Tensor
    value: float
    gradient: Tensor | None
    evaluations: int


def _search(
    objective: Objective,
    point: Tensor,
    value: float,
    gradient: Tensor,
    direction: Tensor,
    bounds: tuple[float, float],
    slack: float,
    first: bool,
) -> _Found:
    """Backtrack along the clipped path; from steepest descent, also look further out."""
    step = FIRST_MOVE / max(float(direction.abs().mean()), 1e-30) if first else 1.0
    for trial in range(1, MAX_TRIALS + 1):
        candidate = (point + step * direction).clamp(*bounds)
        promised = float((gradient * (candidate - point)).sum())
        reached, slope = objective(candidate)
        allowed = value + SUFFICIENT * promised + slack * abs(value)
        if _finite(reached, slope) and reached <= allowed and promised < 0:
            found = _Found(point=candidate, value=reached, gradient=slope, evaluations=trial)
            return _further(objective, point, step, direction, bounds, found) if first else found
        # The minimum of the parabola through what is known, kept within sensible bounds.
        excess = reached - value - promised
        share = -promised / (2 * excess) if _finite(reached, slope) and excess > 0 else 0.1
        step *= min(max(share, 0.1), 0.5)
    return _Found(point=point, value=value, gradient=None, evaluations=MAX_TRIALS)


def _further(
    objective: Objective,
    point: Tensor,
    step: float,
    direction: Tensor,
    bounds: tuple[float, float],
    found: _Found,
) -> _Found:
    """Double the step as long as the value falls."""
    for _ in range(MAX_DOUBLINGS):
        step *= 2
        candidate = (point + step * direction).clamp(*bounds)
        reached, slope = objective(candidate)
        tried = found.evaluations + 1
        if not _finite(reached, slope) or reached >= found.value:
            return _Found(
                point=found.point, value=found.value, gradient=found.gradient, evaluations=tried
            )
        found = _Found(point=candidate, value=reached, gradient=slope, evaluations=tried)
    return found


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


def _finite(value: float, gradient: Tensor) -> bool:
    return value == value and abs(value) != float("inf") and bool(torch.isfinite(gradient).all())


def _check(start: Tensor, lower: float, upper: float, iterations: int, history: int) -> None:
    if not lower < upper:
        raise OptionError(f"got bounds {lower} and {upper}; wanted lower < upper")
    if iterations < 1 or history < 1:
        raise OptionError(f"got {iterations} iterations, history {history}; wanted 1 or more")
    if not bool(torch.isfinite(start).all()):
        raise OptionError("the start holds NaN or infinity; give finite samples")
