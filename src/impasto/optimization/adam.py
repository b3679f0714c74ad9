"""Adam on the samples of an image, with the average of its iterates (Polyak)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from impasto.errors import OptimizationError
from impasto.optimization.lbfgs import LbfgsStep, Objective, is_finite

BETAS = (0.9, 0.99)
EPSILON = 1e-8


def averaged_adam(
    objective: Objective,
    start: Tensor,
    *,
    iterations: int,
    learning_rate: float = 0.02,
    average: float = 0.98,
) -> Iterator[LbfgsStep]:
    """Yield `start` clamped to [0, 1], then after each iteration the average of the iterates.

    Every iterate is clamped to [0, 1]. The average is exponential, each iterate's share being
    `average` times that of the one after it, and forgets the start at once (Adam's own bias
    correction): it takes out the noise of single steps. `value` is the objective at the last
    iterate, not at the average. Raises OptimizationError if value or gradient become infinite or
    NaN.
    """
    point = start.detach().clamp(0, 1)
    value, gradient = objective(point)
    first, second, mean = (torch.zeros_like(point) for _ in range(3))
    shown = point
    for iteration in range(iterations + 1):
        if iteration:
            first.lerp_(gradient, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            size = (second / (1 - BETAS[1] ** iteration)).sqrt_().add_(EPSILON)
            step = learning_rate / (1 - BETAS[0] ** iteration)
            point = (point - step * first / size).clamp_(0, 1)
            mean.lerp_(point, 1 - average)
            shown = mean / (1 - average**iteration)
            value, gradient = objective(point)
        if not is_finite(value, gradient):
            raise OptimizationError(
                f"the objective is {value} at iteration {iteration} (or its gradient is not "
                "finite); lower the weights or the learning rate, or use `precision` float32"
            )
        yield LbfgsStep(iteration=iteration, value=value, point=shown)
