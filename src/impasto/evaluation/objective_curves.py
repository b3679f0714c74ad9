"""How far an optimiser of pixels has come after so many iterations: values, in float32."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.evaluation.tasks import Say
from impasto.optimization.lbfgs import projected_lbfgs
from impasto.optimization.objective import PixelObjective

HISTORY = 10
SLACK = 1e-3  # of the line search: bfloat16 rounds values by about this share
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Curve:
    """`values[i]` is the objective after `iterations[i]`; `seconds`: of the optimiser alone.

    The values are float32 whatever the optimiser computed in. Once an optimiser finds no step
    that lowers the objective it stays (`stopped_at`), and so do the values. None: not finite.
    """

    iterations: list[int]
    values: list[float | None]
    evaluations: int
    seconds: float
    stopped_at: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def checkpoints(iterations: int) -> list[int]:
    """Where a curve is looked at: each of the first three, then ever more rarely; 50 and 100."""
    steps = [*range(4), 5, 7, 10, 15, 20, 25, 30, *range(40, 101, 10), *range(120, 201, 20)]
    steps += range(250, max(iterations, 250) + 1, 50)
    return sorted({step for step in steps if step < iterations} | {iterations})


def white_noise(image: Tensor, seed: int = SEED) -> Tensor:
    """Evenly in [0, 1], of the image's shape and on its device; the same on every machine."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(image.shape, generator=generator).to(image.device)
    return noise.contiguous(memory_format=torch.channels_last)


def lbfgs_curve(
    objective: PixelObjective, start: Tensor, iterations: int, say: Say
) -> tuple[Curve, Tensor]:
    """Of `projected_lbfgs`, as `impasto optimize --mode paper` runs it; and the last picture."""
    evaluations = 0

    def points() -> Iterator[Tensor]:
        nonlocal evaluations
        slack = SLACK if objective.dtype != torch.float32 else 0.0
        for step in projected_lbfgs(
            objective, start, iterations=iterations, history=HISTORY, slack=slack
        ):
            evaluations = step.evaluations
            yield step.point

    return _follow(objective, points(), iterations, say, lambda: evaluations)


def torch_curve(
    objective: PixelObjective, start: Tensor, iterations: int, say: Say
) -> tuple[Curve, Tensor]:
    """Of torch.optim.LBFGS without a line search, clipped after every iteration.

    This is the class of optimiser that implementations of the paper use; it does not know of the
    clipping, and its steps are taken whether they lower the objective or not.
    """
    evaluations = 0

    def points() -> Iterator[Tensor]:
        nonlocal evaluations
        # torch.optim.LBFGS flattens with view(), which only contiguous tensors allow
        pixels = start.detach().clone(memory_format=torch.contiguous_format).requires_grad_(True)
        optimizer = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=HISTORY)

        def closure() -> float:
            nonlocal evaluations
            evaluations += 1
            value, gradient = objective(pixels)
            pixels.grad = gradient.contiguous()
            return value

        yield pixels.detach().clone()
        for _ in range(iterations):
            optimizer.step(closure)  # type: ignore[no-untyped-call]
            with torch.no_grad():
                pixels.clamp_(0, 1)
            if not bool(torch.isfinite(pixels).all()):
                return
            yield pixels.detach().clone()

    return _follow(objective, points(), iterations, say, lambda: evaluations)


def _follow(
    objective: PixelObjective,
    points: Iterator[Tensor],
    iterations: int,
    say: Say,
    evaluations: Callable[[], int],
) -> tuple[Curve, Tensor]:
    """Look at the points where the curve wants a value, and keep the optimiser's time apart."""
    wanted = checkpoints(iterations)
    values: list[float | None] = []
    seconds, last, point = 0.0, -1, None
    while True:
        begin = time.perf_counter()
        reached = next(points, None)
        seconds += time.perf_counter() - begin
        if reached is None:
            break
        point, last = reached, last + 1
        if last in wanted:
            values.append(objective.value(point))
            say(f"iteration {last} of {iterations}")
    if point is None:
        raise RuntimeError("an optimiser gives its start at least")
    if len(values) < len(wanted):
        values += [objective.value(point)] * (len(wanted) - len(values))
    curve = Curve(
        iterations=wanted,
        values=[
            value if value is not None and abs(value) < float("inf") else None for value in values
        ],
        evaluations=evaluations(),
        seconds=round(seconds, 3),
        stopped_at=last if last < iterations else None,
    )
    return curve, point
