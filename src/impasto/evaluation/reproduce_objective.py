"""`impasto reproduce objective`: the objective against iterations of L-BFGS, paper figure 5."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.evaluation.held_out import HeldOutPhoto, held_out_photos
from impasto.evaluation.objective_curves import (
    HISTORY,
    SEED,
    SLACK,
    lbfgs_curve,
    torch_curve,
    white_noise,
)
from impasto.evaluation.record import open_record
from impasto.evaluation.tasks import Plan, Say, Task
from impasto.evaluation.trained_objective import TrainedObjective, TrainedObjectives, style_names
from impasto.machine.devices import Precision, choose_device, choose_dtype, exact_float32
from impasto.optimization.objective import PixelObjective

SIZES_PX = (256, 512, 1024)
# The claim needs 100 at 256 px and 50 above.
ITERATIONS: Mapping[int, int] = {256: 200, 512: 100, 1024: 100}
ITERATIONS_ELSEWHERE = 100
CONTINUED_ITERATIONS = 50  # at most, of the curve that begins at the network's picture
_LEVEL_WORK = 1.5  # of a network's level, in passes through the loss network and back
_FLOAT32_WORK = 0.1  # of an iteration's share in the float32 values, the same


@dataclass(frozen=True, kw_only=True)
class ObjectiveReproduction:
    """What is to be drawn. Raises OptionError for nonsense.

    `styles`: bundled names or files, all bundled ones if empty; `photos`: a folder, see
    `held_out_photos`, of which `count` are taken; `paintings`: see `find_paintings`; `iterations`
    by size (256, ... 1024 px have defaults). `baseline` adds a second curve: "torch" for
    torch.optim.LBFGS, "network" for the same L-BFGS from the network's picture.
    """

    output: Path
    styles: tuple[str, ...] = ()
    photos: Path | None = None
    paintings: Path | None = None
    sizes: tuple[int, ...] = SIZES_PX
    iterations: Mapping[int, int] = field(default_factory=dict)
    count: int = 10
    baseline: Literal["none", "torch", "network"] = "none"
    device: str = "auto"
    precision: Precision = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.baseline not in ("none", "torch", "network"):
            raise OptionError(f"no baseline {self.baseline!r}; choose none, torch or network")
        check_counts(self.count, self.sizes, self.iterations.values())

    def iterations_at(self, size_px: int) -> int:
        """The number asked for, the default of the paper's sizes, or that of other sizes."""
        default = ITERATIONS.get(size_px, ITERATIONS_ELSEWHERE)
        return self.iterations.get(size_px, self.iterations.get(0, default))


def check_counts(count: int, sizes: tuple[int, ...], iterations: Any) -> None:
    """Raise OptionError for numbers below 1, and sizes below 64 px."""
    if count < 1 or any(n < 1 for n in iterations):
        raise OptionError("--count and --iterations: wanted at least 1")
    if not sizes or min(sizes) < 64:
        raise OptionError(f"--sizes {sizes}: wanted at least one, of at least 64 px")


@exact_float32()
def plan_objective(config: ObjectiveReproduction) -> Plan:
    """Everything that can be known beforehand is checked here; nothing is measured yet.

    Raises OptionError, ModelError, WeightsError, ImageError. Photos come outermost, so that a run
    that was ended early has the same photos of every style.
    """
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photos = held_out_photos(config.photos, config.count)
    objectives = TrainedObjectives(config.paintings, device).load_all(style_names(config.styles))
    settings: dict[str, Any] = {
        "precision of the optimiser": str(dtype).removeprefix("torch."),
        "precision of the values": "float32",
        "start": f"white noise, seed {SEED}",
        "L-BFGS history": HISTORY,
        "line search slack": SLACK if dtype != torch.float32 else 0.0,
        "photos": "middle square of the photo, its short side resized to the size",
    }
    settings |= {f"iterations at {px} px": config.iterations_at(px) for px in config.sizes}
    record = open_record(
        config.output / "objective.json", "objective", settings, overwrite=config.overwrite
    )
    tasks: list[Task] = []
    for size_px in config.sizes:
        for photo in photos:
            for objective in objectives:
                piece = _Piece(objective, photo, size_px, dtype, device)
                tasks += piece.tasks(config.iterations_at(size_px), config.baseline)
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
        image = image.contiguous(memory_format=torch.channels_last)
        self.objective.criterion.set_content(image)
        return image

    @exact_float32()
    def _level(self, say: Say) -> dict[str, Any]:
        """The objective of the network's output and of the untouched photo, both in float32."""
        say("the network's level")
        image = self._image()
        of_pixels = PixelObjective(self.objective.criterion)
        return {
            "network": of_pixels.value(self.objective.stylise(image)),
            "network_terms": of_pixels.terms,
            "untouched": of_pixels.value(image),
        }

    @exact_float32()
    def _curve(self, kind: str, iterations: int, say: Say) -> dict[str, Any]:
        image = self._image()
        follow = torch_curve if kind == "torch" else lbfgs_curve
        objective = PixelObjective(self.objective.criterion, dtype=self.dtype)
        if kind == "continued":
            start = self.objective.stylise(image).contiguous(memory_format=torch.channels_last)
        else:
            start = white_noise(image)
        curve, _ = follow(objective, start, iterations, say)
        return {"curve": curve.to_json()}
