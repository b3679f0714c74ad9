"""The objective against iterations of L-BFGS, paper figure 5: what is measured."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from impasto.evaluation.held_out import HeldOutPhoto, held_out_photos
from impasto.evaluation.record import Plan, Say, Task, open_record
from impasto.evaluation.trained_styles import (
    HISTORY,
    SEED,
    TrainedObjective,
    TrainedObjectives,
    gatys_steps,
    style_names,
    white_noise,
)
from impasto.machine.devices import choose_device, choose_dtype, exact_float32
from impasto.optimization.objective import BFLOAT16_SLACK, PixelObjective
from research.reproductions import Reproduction

# By size in px, under 0 of other sizes; the claim needs 100 at 256 px and 50 above.
ITERATIONS = {256: 200, 0: 100}
CONTINUED_ITERATIONS = 50  # at most, of the curve that begins at the network's picture
_LEVEL_WORK = 1.5  # of a network's level, in passes through the loss network and back
_FLOAT32_WORK = 0.1  # of an iteration's share in the float32 values, the same


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


def checkpoints(iterations: int) -> list[int]:
    """Where a curve is looked at: each of the first three, then ever more rarely; 50 and 100."""
    steps = [*range(4), 5, 7, 10, 15, 20, 25, 30, *range(40, 101, 10), *range(120, 201, 20)]
    steps += range(250, max(iterations, 250) + 1, 50)
    return sorted({step for step in steps if step < iterations} | {iterations})


def lbfgs_curve(
    objective: PixelObjective, start: Tensor, iterations: int, say: Say
) -> tuple[Curve, Tensor]:
    """The curve of `gatys_steps`; and the last picture."""
    points = (step.point for step in gatys_steps(objective, start, iterations))
    return _follow(objective, points, iterations, say)


def torch_curve(
    objective: PixelObjective, start: Tensor, iterations: int, say: Say
) -> tuple[Curve, Tensor]:
    """The curve of torch.optim.LBFGS without a line search, clipped after every iteration.

    This is the class of optimiser that implementations of the paper use; it does not know of the
    clipping, and its steps are taken whether they lower the objective or not.
    """

    def points() -> Iterator[Tensor]:
        # torch.optim.LBFGS flattens with view(), which only contiguous tensors allow
        pixels = start.detach().clone(memory_format=torch.contiguous_format).requires_grad_(True)
        optimizer = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=HISTORY)

        def closure() -> float:
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

    return _follow(objective, points(), iterations, say)


def _follow(
    objective: PixelObjective, points: Iterator[Tensor], iterations: int, say: Say
) -> tuple[Curve, Tensor]:
    """Look at the points where the curve wants a value, and keep the optimiser's time apart."""
    wanted, before = checkpoints(iterations), objective.evaluations
    values: list[float] = []
    seconds, last, point = 0.0, -1, torch.empty(0)
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
    if len(values) < len(wanted):
        values += [objective.value(point)] * (len(wanted) - len(values))
    curve = Curve(
        iterations=wanted,
        values=[value if abs(value) < float("inf") else None for value in values],
        evaluations=objective.evaluations - before,
        seconds=round(seconds, 3),
        stopped_at=last if last < iterations else None,
    )
    return curve, point


@exact_float32()
def plan_objective(config: Reproduction) -> Plan:
    """Everything that can be known beforehand is checked here; nothing is measured yet.

    Raises OptionError, ModelError, WeightsError, ImageError. Photos come outermost, so that a run
    that was ended early has the same photos of every style.
    """
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photos = held_out_photos(config.photos, config.count)
    objectives = TrainedObjectives(config.paintings, device).load_all(style_names(config.styles))
    iterations = {px: config.iterations_at(px, ITERATIONS) for px in config.sizes}
    settings: dict[str, Any] = {
        "precision of the optimiser": str(dtype).removeprefix("torch."),
        "precision of the values": "float32",
        "start": f"white noise, seed {SEED}",
        "L-BFGS history": HISTORY,
        "line search slack": BFLOAT16_SLACK if dtype != torch.float32 else 0.0,
        "photos": "middle square of the photo, its short side resized to the size",
    }
    settings |= {f"iterations at {px} px": count for px, count in iterations.items()}
    path = config.output / "objective.json"
    record = open_record(path, "objective", settings, overwrite=config.overwrite)
    tasks: list[Task] = []
    for size_px, count in iterations.items():
        for photo in photos:
            for objective in objectives:
                piece = _Piece(objective, photo, size_px, dtype, device)
                tasks += piece.tasks(count, config.baseline)
    return Plan(record=record, tasks=tasks, device=device)


@dataclass(frozen=True)
class _Piece:
    """One style, photo and size."""

    objective: TrainedObjective
    photo: HeldOutPhoto
    size_px: int
    dtype: torch.dtype
    device: torch.device

    def tasks(self, iterations: int, baseline: str) -> list[Task]:
        """The network's level, the curve, and the baseline's if there is one."""
        megapixels = self.size_px**2 / 1e6
        of = {
            "style": self.objective.name,
            "size_px": self.size_px,
            "photo": self.photo.to_json(),
            "enlarged": min(self.photo.size_hw) < self.size_px,
            "objective": self.objective.facts,
        }
        where = f"{self.objective.name}, {self.size_px} px, {self.photo.name}"
        network = {"network_sha256": self.objective.weights_sha256}
        tasks = [
            Task(
                key=f"{where}, level",
                of={**of, "kind": "level", **network},
                work=_LEVEL_WORK * megapixels,
                run=self._level,
            )
        ]
        curves = {"lbfgs": iterations}
        if baseline == "torch":
            curves["torch"] = iterations
        elif baseline == "network":
            curves["continued"] = min(iterations, CONTINUED_ITERATIONS)
        for kind, count in curves.items():
            facts = {**of, "kind": kind, "iterations": count}
            tasks.append(
                Task(
                    key=f"{where}, {kind}",
                    of=facts | network if kind == "continued" else facts,
                    work=(1 + _FLOAT32_WORK) * count * megapixels,
                    run=partial(self._curve, kind, count),
                )
            )
        return tasks

    def _image(self) -> Tensor:
        image = self.photo.square(self.size_px).to(self.device)
        return image.contiguous(memory_format=torch.channels_last)

    @exact_float32()
    def _level(self, say: Say) -> dict[str, Any]:
        """The objective of the network's output and of the untouched photo, both in float32."""
        say("the network's level")
        image = self._image()
        of_pixels = self.objective.of_pixels(image)
        return {
            "network": of_pixels.value(self.objective.stylise(image)),
            "network_terms": of_pixels.terms,
            "untouched": of_pixels.value(image),
        }

    @exact_float32()
    def _curve(self, kind: str, iterations: int, say: Say) -> dict[str, Any]:
        image = self._image()
        follow = torch_curve if kind == "torch" else lbfgs_curve
        objective = self.objective.of_pixels(image, self.dtype)
        if kind == "continued":
            start = self.objective.stylise(image).contiguous(memory_format=torch.channels_last)
        else:
            start = white_noise(image)
        curve, _ = follow(objective, start, iterations, say)
        return {"curve": asdict(curve)}
