"""The training loop: one iteration after another, with checkpoints, reports and a way to stop."""

import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.events import Cancelled, CancelToken, Saved, Skipped, Step
from impasto.training.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    restore,
    save_checkpoint,
)
from impasto.training.muon import build_optimizer
from impasto.training.run_config import RunConfig, Schedule
from impasto.training.task import AnyBatch, AnyConfig, Batch, Task

WARMUP = 0.05  # share of the iterations in which one-cycle climbs to the full rate
START_FACTOR = 1 / 25
END_FACTOR = 1 / 1000


def learning_rate_at(iteration: int, *, iterations: int, peak: float, schedule: Schedule) -> float:
    """Rate for `iteration` in 0 … iterations - 1.

    "one-cycle" climbs linearly over the first 5 %, then falls by a half cosine; "cosine" falls
    from the start; "constant" is the paper's.
    """
    if schedule == "constant":
        return peak
    warmup = WARMUP * iterations if schedule == "one-cycle" else 0.0
    if iteration < warmup:
        return peak * (START_FACTOR + (1 - START_FACTOR) * iteration / warmup)
    progress = (iteration - warmup) / max(iterations - warmup, 1)
    return peak * (END_FACTOR + (1 - END_FACTOR) * (1 + math.cos(math.pi * progress)) / 2)


def fit(
    task: Task[AnyConfig, AnyBatch],
    provenance: dict[str, Any],
    resume: Checkpoint | None,
    cancel: CancelToken,
) -> None:
    """Train `task.network` in place to the iterations of its config.

    On Ctrl-C, or when `cancel` says so, the iteration is finished and saved before Cancelled is
    raised. Raises TrainingError when the loss or its gradient is not finite: nothing is saved
    then, so the last checkpoint is a good one.
    """
    config = task.config
    optimizer = build_optimizer(config.optimizer, task.network, config.learning_rate, task.device)
    if resume is not None:
        restore(resume, task.network, optimizer)
    start = resume.iteration if resume is not None else 0
    meter = _Meter(config)
    with cancel.held_back():
        for iteration, batch in enumerate(task.batches(start), start=start):
            for path, reason in batch.skipped.items():
                task.report(Skipped(path=path, reason=reason))
            _iterate(task, optimizer, iteration, batch, meter)
            # always after the last one, and after whatever else this iteration had to write
            done, every = iteration + 1, config.checkpoint_every
            if done == config.iterations or (every and done % every == 0) or cancel.cancelled:
                snapshot = Checkpoint(
                    iteration=done,
                    network=task.network.state_dict(),
                    optimizer=optimizer_tensors(optimizer),
                    rng_state=torch.get_rng_state(),
                    config=config.to_json(),
                    provenance=provenance,
                )
                path = save_checkpoint(config.output, snapshot)
                task.report(Saved(iteration=done, kind="checkpoint", path=path))
            if cancel.cancelled and done < config.iterations:
                raise Cancelled


def _iterate(
    task: Task[AnyConfig, AnyBatch],
    optimizer: torch.optim.Optimizer,
    iteration: int,
    batch: AnyBatch,
    meter: "_Meter",
) -> None:
    """One step of the optimiser, the report if it is time for one, and what the task adds."""
    config = task.config
    rate = learning_rate_at(
        iteration,
        iterations=config.iterations,
        peak=config.learning_rate,
        schedule=config.schedule,
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    total, terms = task.loss(batch.to(task.device))
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    gradient_norm = _clip(task.network, config.clip_norm)
    done = iteration + 1
    loss, norm, numbers = _read_back(total, gradient_norm, terms)
    _guard(done, loss, norm, numbers, config)
    optimizer.step()
    step = meter.add(done, {"loss": loss, **numbers}, rate, norm, batch)
    if step is not None:
        task.report(step)
    task.after_step(done, numbers)


def _clip(network: nn.Module, clip_norm: float) -> Tensor:
    """Scale the gradient down to `clip_norm` (0: leave it); its norm before that."""
    limit = clip_norm if clip_norm > 0 else math.inf
    return nn.utils.clip_grad_norm_(network.parameters(), limit)


def _read_back(
    total: Tensor, norm: Tensor, terms: dict[str, Tensor]
) -> tuple[float, float, dict[str, float]]:
    """Loss, gradient norm and terms as numbers; the device is waited for once, not for each."""
    scalars = [total, norm, *terms.values()]
    numbers = torch.stack([scalar.detach().float() for scalar in scalars]).tolist()
    return numbers[0], numbers[1], dict(zip(terms, numbers[2:], strict=True))


def _guard(
    iteration: int, total: float, norm: float, terms: dict[str, float], config: RunConfig
) -> None:
    if math.isfinite(total) and math.isfinite(norm):
        return
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    where = f"the terms {bad}" if bad else "the gradient"
    raise TrainingError(
        f"iteration {iteration}: {where} became infinite or NaN, so training stopped; the last "
        f"checkpoint in {config.output} is good. Begin again in another `output` folder with a "
        "lower `learning_rate`, or with `precision` float32"
    )


class _Meter:
    """Means over the iterations since the last report."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._reset()

    def _reset(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0
        self._images = 0
        self._since = time.perf_counter()

    def add(
        self, done: int, terms: dict[str, float], rate: float, norm: float, batch: Batch
    ) -> Step | None:
        """Count an iteration in; the report, if it is time for one. `terms`: the loss, too."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._images += batch.count
        if done % self._config.log_every and done != self._config.iterations:
            return None
        means = {name: value / self._count for name, value in self._sums.items()}
        step = Step(
            iteration=done,
            iterations=self._config.iterations,
            loss=means.pop("loss"),
            terms=means,
            learning_rate=rate,
            gradient_norm=norm,
            images_per_second=self._images / (time.perf_counter() - self._since),
            crop_px=batch.crop_px,
        )
        self._reset()
        return step
