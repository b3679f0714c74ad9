"""Descend objectives stage by stage, report every iteration, and keep the best image."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.events import Cancelled, CancelToken, OnEvent, Step, ignore
from impasto.optimization.adam import averaged_adam
from impasto.optimization.config import ADAM_RATE, Optimizer
from impasto.optimization.lbfgs import LbfgsStep, projected_lbfgs
from impasto.optimization.objective import Loss, PixelObjective


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many iterations of one objective.

    loss: what is descended, made when the stage begins. start: from where, (1, 3, H, W), made from
    the best image of the stage before (None: this is the first). dtype: of the loss network.
    """

    iterations: int
    loss: Callable[[], Loss]
    start: Callable[[Tensor | None], Tensor]
    dtype: torch.dtype = torch.float32
    optimizer: Optimizer = "lbfgs"
    learning_rate: float = ADAM_RATE

    def steps(self, objective: PixelObjective, start: Tensor) -> Iterator[LbfgsStep]:
        """The start, then every iterate, all within [0, 1]."""
        start = start.contiguous(memory_format=torch.channels_last)
        if self.optimizer == "adam":
            return averaged_adam(
                objective, start, iterations=self.iterations, learning_rate=self.learning_rate
            )
        return projected_lbfgs(objective, start, iterations=self.iterations, slack=objective.slack)


@dataclass
class Descent:
    """What was found. stopped: what ended it early, after the first step at least.

    images, objectives: of every stage that was begun. history: the total after every iteration.
    """

    iterations: int  # planned, over all stages
    images: list[Tensor] = field(default_factory=list)
    objectives: list[PixelObjective] = field(default_factory=list)
    history: list[float] = field(default_factory=list)
    stopped: KeyboardInterrupt | None = None

    def kept(self, *, on_interrupt: bool) -> "Descent":
        """Itself; raises what stopped it, unless that was a token, or `on_interrupt` keeps all."""
        stopped = self.stopped
        if stopped is not None and not (on_interrupt or isinstance(stopped, Cancelled)):
            raise stopped
        return self

    def take(self, number: int, image: Tensor, objective: PixelObjective) -> None:
        """The best so far of a stage, from 1."""
        # both at once: an interruption may come before the first step of the next stage
        self.images[number - 1 :] = [image]
        self.objectives[number - 1 :] = [objective]


def descend(
    stages: Sequence[Stage],
    *,
    on_event: OnEvent = ignore,
    shown: Callable[[Tensor], Tensor] | None = None,
    cancel: CancelToken | None = None,
    done: Callable[[int, Tensor], object] | None = None,
) -> Descent:
    """The images of least value met (Adam: its latest average) in each of the stages.

    shown: what events show of an image. done: is called with the number of a stage, from 1, and
    its image. On KeyboardInterrupt, and when `cancel` is set, it ends with what there is; if there
    is nothing yet, that is raised. Raises OptimizationError if an objective is not finite.
    """
    found = Descent(iterations=sum(stage.iterations for stage in stages))
    before = 0
    try:
        for number, stage in enumerate(stages, start=1):
            start = stage.start(found.images[-1] if found.images else None)
            objective = PixelObjective(stage.loss(), dtype=stage.dtype, cancel=cancel)
            best, since = None, time.perf_counter()
            for step in stage.steps(objective, start):
                if best is None or stage.optimizer == "adam" or step.value < best.value:
                    best = step
                now = time.perf_counter()
                if step.iteration:
                    found.take(number, best.point, objective)
                    found.history.append(step.value)
                    report = Step(
                        iteration=before + step.iteration,
                        iterations=found.iterations,
                        stage=number,
                        stages=len(stages),
                        loss=step.value,
                        terms=objective.terms_of(step.value),
                        image=step.point if shown is None else shown(step.point),
                        images_per_second=1 / max(now - since, 1e-9),
                    )
                    on_event(report)
                since = now
            assert best is not None
            found.take(number, best.point, objective)  # though it may be the start itself
            before += stage.iterations
            if done is not None:
                done(number, found.images[-1])
    except KeyboardInterrupt as stopped:
        if not found.images:
            raise
        found.stopped = stopped
    return found
