"""`impasto reproduce sheet`: photo, painting, Gatys et al. and the network side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.evaluation.crops import file_stem, keep_picture
from impasto.evaluation.held_out import HeldOutPhoto, photos_or
from impasto.evaluation.objective_curves import SEED, lbfgs_curve, white_noise
from impasto.evaluation.record import Record, open_record
from impasto.evaluation.reproduce_objective import check_counts
from impasto.evaluation.tasks import Plan, Say, Task
from impasto.evaluation.trained_objective import TrainedObjective, TrainedObjectives, style_names
from impasto.machine.devices import Precision, choose_device, choose_dtype
from impasto.media import read_picture, resize_long_side
from impasto.optimization.objective import PixelObjective

ITERATIONS = 300


@dataclass(frozen=True, kw_only=True)
class SheetReproduction:
    """Which photos (`content`, else `count` held-out ones) in which styles, how large.

    The long side has `sizes[0]` px. Raises OptionError for nonsense.
    """

    output: Path
    styles: tuple[str, ...] = ()
    content: tuple[Path, ...] = ()
    photos: Path | None = None
    count: int = 2
    paintings: Path | None = None
    sizes: tuple[int, ...] = (384,)
    iterations: Mapping[int, int] = field(default_factory=dict)
    device: str = "auto"
    precision: Precision = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_counts(self.count, self.sizes, self.iterations.values())
        if len(self.sizes) != 1:
            raise OptionError(f"--sizes {self.sizes}: the sheet has one size; give one")

    @property
    def size_px(self) -> int:
        return self.sizes[0]

    @property
    def lbfgs_iterations(self) -> int:
        return self.iterations.get(self.size_px, self.iterations.get(0, ITERATIONS))


def plan_sheet(config: SheetReproduction) -> Plan:
    """Four pictures a row; raises what is wrong before anything is measured."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photos = photos_or(config.content, config.photos, config.count)
    objectives = TrainedObjectives(config.paintings, device).load_all(style_names(config.styles))
    settings = {
        "precision of L-BFGS": str(dtype).removeprefix("torch."),
        "start": f"white noise, seed {SEED}",
        "size_px": config.size_px,
        "iterations": config.lbfgs_iterations,
    }
    record = open_record(
        config.output / "sheet.json", "sheet", settings, overwrite=config.overwrite
    )
    tasks = []
    for photo in photos:
        for objective in objectives:
            row = _SheetRow(record, objective, photo, config, dtype, device)
            tasks += row.tasks()
    return Plan(record=record, tasks=tasks, device=device)


@dataclass(frozen=True)
class _SheetRow:
    """One photo in one style."""

    record: Record
    objective: TrainedObjective
    photo: HeldOutPhoto
    config: SheetReproduction
    dtype: torch.dtype
    device: torch.device

    def tasks(self) -> list[Task]:
        """The inputs and the network's output at once, then Gatys."""
        name, size_px = self.objective.name, self.config.size_px
        megapixels = size_px * size_px * min(self.photo.size_hw) / max(self.photo.size_hw) / 1e6
        of = {
            "style": name,
            "photo": self.photo.to_json(),
            "size_px": size_px,
            "objective": self.objective.facts,
        }
        network = {**of, "kind": "network", "network_sha256": self.objective.weights_sha256}
        lbfgs = {**of, "kind": "lbfgs", "iterations": self.config.lbfgs_iterations}
        where = f"{self.photo.name}, {name}"
        return [
            Task(key=f"{where}, network", of=network, work=megapixels, run=self._network),
            Task(
                key=f"{where}, L-BFGS",
                of=lbfgs,
                work=1.1 * self.config.lbfgs_iterations * megapixels,
                run=partial(self._lbfgs, self.config.lbfgs_iterations),
            ),
        ]

    def _image(self) -> Tensor:
        pixels = resize_long_side(read_picture(self.photo.path).pixels, self.config.size_px)
        image = pixels.to(self.device).contiguous(memory_format=torch.channels_last)
        self.objective.criterion.set_content(image)
        return image

    def _network(self, _: Say) -> dict[str, Any]:
        image = self._image()
        painted = self.objective.stylise(image)
        painting = resize_long_side(self.objective.painting(), self.config.size_px)
        pictures = {"content": image, "painting": painting, "picture": painted}
        return {
            "objective": PixelObjective(self.objective.criterion).value(painted),
            "pictures": {what: self._keep(what, pixels) for what, pixels in pictures.items()},
        }

    def _lbfgs(self, iterations: int, say: Say) -> dict[str, Any]:
        image = self._image()
        objective = PixelObjective(self.objective.criterion, dtype=self.dtype)
        curve, picture = lbfgs_curve(objective, white_noise(image), iterations, say)
        return {
            "objective": curve.values[-1],
            "optimising_seconds": curve.seconds,
            "pictures": {"picture": self._keep("lbfgs", picture)},
        }

    def _keep(self, what: str, pixels: Tensor) -> dict[str, Any]:
        name = f"{file_stem(self.photo.name, self.objective.name, what)}.png"
        return keep_picture(self.record.pictures / name, pixels, self.record.path.parent)
