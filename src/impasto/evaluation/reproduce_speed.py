"""`impasto reproduce speed`: iterations of Gatys' method against one forward pass."""

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from impasto.evaluation.held_out import photos_or
from impasto.evaluation.objective_curves import HISTORY, SLACK, white_noise
from impasto.evaluation.record import open_record
from impasto.evaluation.reproduce_objective import SIZES_PX, check_counts
from impasto.evaluation.tasks import Plan, Say, Task
from impasto.evaluation.trained_objective import TrainedObjective, TrainedObjectives
from impasto.machine.devices import Precision, choose_device, choose_dtype
from impasto.networks.winograd import pytorch_convolutions
from impasto.optimization.lbfgs import projected_lbfgs
from impasto.optimization.objective import PixelObjective
from impasto.painting import stylize_tensor

# Iterations that are timed, by size; they cost the same, so more only steady the median.
TIMED: Mapping[int, int] = {256: 30, 512: 15, 1024: 8}
TIMED_ELSEWHERE = 10
WARM_UP = 2  # iterations left out: the first line search looks further
PASSES = 5


@dataclass(frozen=True, kw_only=True)
class SpeedReproduction:
    """Which style at which sizes; `iterations`: how many are timed. Raises OptionError."""

    output: Path
    styles: tuple[str, ...] = ("starry-night",)
    photos: Path | None = None
    paintings: Path | None = None
    sizes: tuple[int, ...] = SIZES_PX
    iterations: Mapping[int, int] = field(default_factory=dict)
    device: str = "auto"
    precision: Precision = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_counts(1, self.sizes, self.iterations.values())

    def timed_at(self, size_px: int) -> int:
        """Iterations to be timed at this size."""
        default = TIMED.get(size_px, TIMED_ELSEWHERE)
        return self.iterations.get(size_px, self.iterations.get(0, default))


def plan_speed(config: SpeedReproduction) -> Plan:
    """Four timings a size; raises what is wrong before anything is measured."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photo = photos_or((), config.photos, 1)[0]
    objectives = TrainedObjectives(config.paintings, device).load_all(config.styles)
    settings = {
        "precision of L-BFGS and the network": str(dtype).removeprefix("torch."),
        "a plain PyTorch loop": "torch.optim.LBFGS, history 10, float32, Gram and mean squares "
        "written down as in the papers, PyTorch's convolutions",
        "threads": torch.get_num_threads(),
    }
    record = open_record(
        config.output / "speed.json", "speed", settings, overwrite=config.overwrite
    )
    tasks = []
    for size_px in config.sizes:
        image = photo.square(size_px).to(device)
        for objective in objectives:
            of = {
                "style": objective.name,
                "size_px": size_px,
                "photo": photo.to_json(),
                "objective": objective.facts,
                "network_sha256": objective.weights_sha256,
            }
            count = config.timed_at(size_px)
            timings = {
                "network": (partial(_time_network, objective, config.precision), PASSES, 0.5),
                "lbfgs": (partial(_time_lbfgs, objective, dtype), count, 1.1),
                "plain": (partial(_time_plain, objective), max(3, count // 3), 3.0),
            }
            for kind, (run, times, work) in timings.items():
                tasks.append(
                    Task(
                        key=f"{objective.name}, {size_px} px, {kind}",
                        of={**of, "kind": kind, "times": times},
                        work=work * (times + WARM_UP) * size_px**2 / 1e6,
                        run=partial(run, image, times),
                    )
                )
    return Plan(record=record, tasks=tasks, device=device)


def _summary(seconds: list[float]) -> dict[str, Any]:
    """The median counts; the fastest shows how steady the machine was."""
    return {"seconds_each": statistics.median(seconds), "fastest": min(seconds)}


def _time_network(
    objective: TrainedObjective, precision: Precision, image: Tensor, times: int, say: Say
) -> dict[str, Any]:
    taken = []
    for number in range(times + 1):
        say(f"pass {number}")
        begin = time.perf_counter()
        stylize_tensor(objective.model, image, precision=precision)
        _settle(image)
        taken.append(time.perf_counter() - begin)
    return _summary(taken[1:])


def _time_lbfgs(
    objective: TrainedObjective, dtype: torch.dtype, image: Tensor, times: int, say: Say
) -> dict[str, Any]:
    image = image.contiguous(memory_format=torch.channels_last)
    objective.criterion.set_content(image)
    slack = SLACK if dtype != torch.float32 else 0.0
    steps = projected_lbfgs(
        PixelObjective(objective.criterion, dtype=dtype),
        white_noise(image),
        iterations=times + WARM_UP,
        history=HISTORY,
        slack=slack,
    )
    return _time_steps(steps, image, say)


def _time_plain(objective: TrainedObjective, image: Tensor, times: int, say: Say) -> dict[str, Any]:
    steps = _plain_steps(objective, image.contiguous(), times + WARM_UP)
    return _time_steps(steps, image, say)


def _time_steps(steps: Iterator[object], image: Tensor, say: Say) -> dict[str, Any]:
    next(steps)  # the start
    taken: list[float] = []
    while True:
        begin = time.perf_counter()
        if next(steps, None) is None:
            return _summary(taken[WARM_UP:] or taken)
        _settle(image)
        taken.append(time.perf_counter() - begin)
        say(f"iteration {len(taken)}")


def _plain_steps(objective: TrainedObjective, image: Tensor, iterations: int) -> Iterator[object]:
    """The method as it is usually written: nothing is shared, all in float32, stock layers."""
    loss_network = objective.criterion.loss_network
    content = objective.criterion.content_layers
    style = objective.criterion.style_layers
    names = list(dict.fromkeys([*content, *style]))

    def network(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with pytorch_convolutions():
            found: dict[str, Tensor] = loss_network(image, layers)
            return found

    def gram(features: Tensor) -> Tensor:
        flat = features.flatten(2)
        return flat @ flat.transpose(1, 2) / features[0].numel()

    with torch.no_grad():
        wanted = network(image, names)
        painting = objective.painting().to(image.device)
        grams = {
            layer: gram(features) for layer, features in network(painting, list(style)).items()
        }
    pixels = torch.rand_like(image).requires_grad_(True)
    optimizer = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=HISTORY)

    def closure() -> Tensor:
        optimizer.zero_grad()
        found = network(pixels, names)
        loss = sum((functional.mse_loss(found[c], wanted[c]) for c in content), torch.zeros(()))
        for layer in style:
            loss = loss + functional.mse_loss(gram(found[layer]), grams[layer], reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    yield pixels
    for _ in range(iterations):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            pixels.clamp_(0, 1)
        yield pixels


def _settle(image: Tensor) -> None:
    """Wait for an accelerator, which works on while Python goes on."""
    if image.device.type == "cuda":
        torch.cuda.synchronize(image.device)
