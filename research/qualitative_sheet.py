"""Photo, painting, Gatys et al. and the network side by side: `sheet`."""

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from impasto.evaluation.held_out import HeldOutPhoto, photos_or
from impasto.evaluation.record import (
    Plan,
    Record,
    Say,
    Task,
    file_stem,
    keep_picture,
    open_kept,
    open_record,
)
from impasto.evaluation.tables import how_measured, markdown_table
from impasto.evaluation.trained_styles import (
    SEED,
    TrainedObjective,
    TrainedObjectives,
    style_names,
    white_noise,
)
from impasto.machine.devices import choose_device, choose_dtype
from impasto.media import read_picture, resize_long_side
from research.objective_curves import lbfgs_curve
from research.picture_sheets import Cell, picture_grid
from research.reproductions import Reproduction

ITERATIONS = 300
_HEAD = (
    "# Photo, painting, Gatys et al., ours\n\nBoth pictures minimise one objective, that of the "
    "network's training: L-BFGS for this photo alone from white noise, the network for all photos "
    "beforehand. Less is better."
)


def plan_sheet(config: Reproduction) -> Plan:
    """Four pictures a row; raises what is wrong before anything is measured."""
    iterations = config.iterations_at(config.size_px, {0: ITERATIONS})
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photos = photos_or(config.content, config.photos, config.count)
    objectives = TrainedObjectives(config.paintings, device).load_all(style_names(config.styles))
    settings = {
        "precision of L-BFGS": str(dtype).removeprefix("torch."),
        "start": f"white noise, seed {SEED}",
        "size_px": config.size_px,
        "iterations": iterations,
    }
    path = config.output / "sheet.json"
    record = open_record(path, "sheet", settings, overwrite=config.overwrite)
    rows = [
        _SheetRow(record, objective, photo, iterations, dtype, device)
        for photo in photos
        for objective in objectives
    ]
    return Plan(record=record, tasks=[task for row in rows for task in row.tasks()], device=device)


@dataclass(frozen=True)
class _SheetRow:
    """One photo in one style."""

    record: Record
    objective: TrainedObjective
    photo: HeldOutPhoto
    iterations: int
    dtype: torch.dtype
    device: torch.device

    @property
    def size_px(self) -> int:
        """The long side."""
        return int(self.record.settings["size_px"])

    def tasks(self) -> list[Task]:
        """The inputs and the network's output at once, then Gatys."""
        height, width = self.photo.size_hw
        megapixels = self.size_px**2 * min(height, width) / max(height, width) / 1e6
        of = {
            "style": self.objective.name,
            "photo": self.photo.to_json(),
            "size_px": self.size_px,
            "objective": self.objective.facts,
        }
        network = {**of, "kind": "network", "network_sha256": self.objective.weights_sha256}
        lbfgs = {**of, "kind": "lbfgs", "iterations": self.iterations}
        where, work = (
            f"{self.photo.name}, {self.objective.name}",
            1.1 * self.iterations * megapixels,
        )
        return [
            Task(key=f"{where}, network", of=network, work=megapixels, run=self._network),
            Task(key=f"{where}, L-BFGS", of=lbfgs, work=work, run=self._lbfgs),
        ]

    def _image(self) -> Tensor:
        pixels = resize_long_side(read_picture(self.photo.path).pixels, self.size_px)
        return pixels.to(self.device).contiguous(memory_format=torch.channels_last)

    def _network(self, _: Say) -> dict[str, Any]:
        image = self._image()
        painted = self.objective.stylise(image)
        painting = resize_long_side(self.objective.images()[0], self.size_px)
        pictures = {"content": image, "painting": painting, "picture": painted}
        return {
            "objective": self.objective.of_pixels(image).value(painted),
            "pictures": {what: self._keep(what, pixels) for what, pixels in pictures.items()},
        }

    def _lbfgs(self, say: Say) -> dict[str, Any]:
        image = self._image()
        objective = self.objective.of_pixels(image, self.dtype)
        curve, picture = lbfgs_curve(objective, white_noise(image), self.iterations, say)
        return {
            "objective": curve.values[-1],
            "optimising_seconds": curve.seconds,
            "pictures": {"picture": self._keep("lbfgs", picture)},
        }

    def _keep(self, what: str, pixels: Tensor) -> dict[str, Any]:
        name = f"{file_stem(self.photo.name, self.objective.name, what)}.png"
        return keep_picture(self.record.pictures / name, pixels, self.record.path.parent)


def sheet_markdown(record: Record) -> str:
    """The objective of both pictures in every row."""
    rows = []
    for (photo, style), kinds in _rows(record).items():
        cells = [f"{kinds[kind]['objective']:.3f}" for kind in ("lbfgs", "network")]
        rows.append([photo, style, *cells])
    header = ["photo", "style", f"L-BFGS {record.settings['iterations']}", "network"]
    table = markdown_table(header, rows, texts=2) if rows else "Nothing is measured yet."
    return f"{_HEAD}\n\n{table}\n\n{how_measured(record)}\n"


def sheet_figures(record: Record) -> dict[str, Figure]:
    """One row for each photo and style."""
    rows = [_cells(record, style, kinds) for (_, style), kinds in _rows(record).items()]
    return {"sheet": picture_grid("Photo, painting, Gatys et al., ours", rows)} if rows else {}


def _cells(record: Record, style: str, kinds: dict[str, dict[str, Any]]) -> list[Cell]:
    network, lbfgs = kinds["network"], kinds["lbfgs"]
    pictures = [*network["pictures"].values()]
    pictures.insert(2, lbfgs["pictures"]["picture"])
    lines = (
        ("photo",),
        (style,),
        (f"L-BFGS {record.settings['iterations']}", f"objective {lbfgs['objective']:.3f}"),
        ("network", f"objective {network['objective']:.3f}"),
    )
    return [
        Cell(picture=open_kept(record.path.parent, kept), lines=each)
        for kept, each in zip(pictures, lines, strict=True)
    ]


def _rows(record: Record) -> dict[Any, dict[str, dict[str, Any]]]:
    """(photo, style) -> both entries; only where both are there."""
    found = record.grouped(lambda of: (of["photo"]["name"], of["style"]))
    return {place: kinds for place, kinds in found.items() if len(kinds) == 2}
