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
            search = _LineSearch(point, value, gradient, direction, (lower, upper), slack)
            for candidate in search.candidates(outwards=not pairs):
                search.tell(*objective(candidate))
                evaluations += 1
            if search.found is not None or not pairs:
                break
            pairs.clear()  # what was learnt of the curvature misleads here: begin anew
        if (found := search.found) is None:
            return
        moved, change = found.point - point, found.gradient - gradient
        if float((moved * change).sum()) > CURVATURE * float(change.square().sum()):
            pairs.append((moved, change))
        point, value, gradient = found.point, found.value, found.gradient
        yield LbfgsStep(iteration=iteration, value=value, point=point, evaluations=evaluations)


@dataclass(frozen=True)
class _Found:
    """A point that a line search accepts."""

    point: Tensor
    value: float
    gradient: Tensor


class _LineSearch:
    """Backtrack along the clipped path; from steepest descent, also look further out.

    It only proposes `candidates`; whoever tries them tells it the value and gradient of each before
    asking for the next. `found`: what is accepted so far.
    """

    def __init__(
        self,
        point: Tensor,
        value: float,
        gradient: Tensor,
        direction: Tensor,
        bounds: tuple[float, float],
        slack: float,
    ) -> None:
        self.point, self.value, self.gradient = point, value, gradient
        self.direction = direction
        self.bounds = bounds
        self.slack = slack
        self.found: _Found | None = None
        self._told: tuple[float, Tensor] = (value, gradient)

    def tell(self, value: float, gradient: Tensor) -> None:
        """Of the latest candidate."""
        self._told = value, gradient

    def candidates(self, *, outwards: bool) -> Iterator[Tensor]:
        """Points to be tried, until one is accepted; `outwards`: then doubled while that pays."""
        size = max(float(self.direction.abs().mean()), 1e-30)
        step = FIRST_MOVE / size if outwards else 1.0
        for _ in range(MAX_TRIALS):
            candidate = self._at(step)
            promised = float((self.gradient * (candidate - self.point)).sum())
            yield candidate
            reached, slope = self._told
            finite = _finite(reached, slope)
            allowed = self.value + SUFFICIENT * promised + self.slack * abs(self.value)
            if finite and reached <= allowed and promised < 0:
                self.found = _Found(candidate, reached, slope)
                break
            # The minimum of the parabola through what is known, kept within sensible bounds.
            excess = reached - self.value - promised
            share = -promised / (2 * excess) if finite and excess > 0 else 0.1
            step *= min(max(share, 0.1), 0.5)
        if self.found is not None and outwards:
            yield from self._further(step, self.found)

    def _further(self, step: float, found: _Found) -> Iterator[Tensor]:
        """Double the step as long as the value falls."""
        for _ in range(MAX_DOUBLINGS):
            step *= 2
            candidate = self._at(step)
            yield candidate
            reached, slope = self._told
            if not _finite(reached, slope) or reached >= found.value:
                return
            self.found = found = _Found(candidate, reached, slope)

    def _at(self, step: float) -> Tensor:
        return (self.point + step * self.direction).clamp(*self.bounds)


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
