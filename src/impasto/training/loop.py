"""The training loop that styles and super-resolution share."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.training.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    restore,
    save_checkpoint,
)
from impasto.training.events import OnEvent, Saved, Skipped, Step
from impasto.training.interruption import Interruption
from impasto.training.muon import build_optimizer
from impasto.training.run_config import RunConfig
from impasto.training.schedule import Schedule, learning_rate_at


class Batch(Protocol):
    """What an iteration learns from, and the unreadable files met on the way to it."""

    @property
    def skipped(self) -> dict[Path, str]: ...

    @property
    def count(self) -> int:
        """How many images it holds."""
        ...

    @property
    def crop_px(self) -> int:
        """Their side in pixels."""
        ...

    def to(self, device: torch.device) -> Self: ...


AnyBatch = TypeVar("AnyBatch", bound=Batch)


class Task(Protocol[AnyBatch]):
    """What is trained: a network, its data and its loss."""

    network: nn.Module

    def batches(self, start: int) -> Iterator[AnyBatch]:
        """Batches from iteration `start` on; each iteration's is always the same."""
        ...

    def loss(self, batch: AnyBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted total to descend, and the unweighted terms by name."""
        ...

    def after_step(self, iteration: int, terms: dict[str, float]) -> None:
        """Previews, validation, advice; called when `iteration` iterations are done."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How a task is trained; see RunConfig for the meanings."""

    iterations: int
    optimizer: str
    learning_rate: float
    schedule: Schedule
    clip_norm: float
    checkpoint_every: int
    log_every: int
    device: torch.device
    folder: Path
    config: dict[str, Any]  # stored in the checkpoint
    provenance: dict[str, Any]


def loop_config(config: RunConfig, device: torch.device, provenance: dict[str, Any]) -> LoopConfig:
    """The part of a run's options that the loop needs."""
    return LoopConfig(
        iterations=config.iterations,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        schedule=config.schedule,
        clip_norm=config.clip_norm,
        checkpoint_every=config.checkpoint_every,
        log_every=config.log_every,
        device=device,
        folder=config.output,
        config=config.to_json(),
        provenance=provenance,
    )


def fit(
    task: Task[AnyBatch], loop: LoopConfig, on_event: OnEvent, resume: Checkpoint | None
) -> None:
    """Train `task.network` in place to `loop.iterations`.

    On Ctrl-C the iteration is finished and saved before KeyboardInterrupt is raised. Raises
    TrainingError when the loss or its gradient is not finite: nothing is saved then, so the last
    checkpoint is a good one.
    """
    optimizer = build_optimizer(loop.optimizer, task.network, loop.learning_rate, loop.device)
    if resume is not None:
        restore(resume, task.network, optimizer)
    start = resume.iteration if resume is not None else 0
    meter = _Meter(loop)
    with Interruption.held_back() as interruption:
        for iteration, batch in enumerate(task.batches(start), start=start):
            for path, reason in batch.skipped.items():
                on_event(Skipped(path=path, reason=reason))
            _iterate(task, loop, optimizer, iteration, batch, meter, on_event)
            # always after the last one, and after whatever else this iteration had to write
            done = iteration + 1
            every = loop.checkpoint_every
            if done == loop.iterations or (every and done % every == 0) or interruption.requested:
                path = save_checkpoint(loop.folder, _snapshot(done, task.network, optimizer, loop))
                on_event(Saved(iteration=done, kind="checkpoint", path=path))
            if interruption.requested and done < loop.iterations:
                raise KeyboardInterrupt


def _iterate(
    task: Task[AnyBatch],
    loop: LoopConfig,
    optimizer: torch.optim.Optimizer,
    iteration: int,
    batch: AnyBatch,
    meter: "_Meter",
    on_event: OnEvent,
) -> None:
    """One step of the optimiser, the report if it is time for one, and what the task adds."""
    rate = learning_rate_at(
        iteration, iterations=loop.iterations, peak=loop.learning_rate, schedule=loop.schedule
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    total, terms = task.loss(batch.to(loop.device))
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    gradient_norm = _clip(task.network, loop.clip_norm)
    done = iteration + 1
    loss, norm, numbers = _read_back(total, gradient_norm, terms)
    _guard(done, loss, norm, numbers, loop.folder)
    optimizer.step()
    step = meter.add(done, loss, numbers, rate, norm, batch)
    if step is not None:
        on_event(step)
    task.after_step(done, numbers)


def _snapshot(
    iteration: int, network: nn.Module, optimizer: torch.optim.Optimizer, loop: LoopConfig
) -> Checkpoint:
    return Checkpoint(
        iteration=iteration,
        network=network.state_dict(),
        optimizer=optimizer_tensors(optimizer),
        rng_state=torch.get_rng_state(),
        config=loop.config,
        provenance=loop.provenance,
    )


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
    iteration: int, total: float, norm: float, terms: dict[str, float], folder: Path
) -> None:
    if math.isfinite(total) and math.isfinite(norm):
        return
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    where = f"the terms {bad}" if bad else "the gradient"
    raise TrainingError(
        f"iteration {iteration}: {where} became infinite or NaN, so training stopped; the last "
        f"checkpoint in {folder} is good. Go on from it with a lower --learning-rate, a lower "
        "--style-weight, or --precision float32"
    )


class _Meter:
    """Means over the iterations since the last report."""

    def __init__(self, loop: LoopConfig) -> None:
        self._loop = loop
        self._reset()

    def _reset(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0
        self._images = 0
        self._since = time.perf_counter()

    def add(
        self,
        done: int,
        total: float,
        terms: dict[str, float],
        rate: float,
        norm: float,
        batch: Batch,
    ) -> Step | None:
        for name, value in {"loss": total, **terms}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._images += batch.count
        if done % self._loop.log_every and done != self._loop.iterations:
            return None
        means = {name: value / self._count for name, value in self._sums.items()}
        step = Step(
            iteration=done,
            iterations=self._loop.iterations,
            loss=means.pop("loss"),
            terms=means,
            learning_rate=rate,
            gradient_norm=norm,
            images_per_second=self._images / (time.perf_counter() - self._since),
            crop_px=batch.crop_px,
        )
        self._reset()
        return step
