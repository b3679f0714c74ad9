"""Measure the bundled fast networks beside the full ones, on photos that were not trained on.

python recipes/compare_fast.py HELD_OUT_PHOTOS [STYLE ...]

The objective is the training's own, by the full network's recipe: content + weight times style +
weight times total variation, at 256 px, in float32, mean over the photos. Distance: mean absolute
difference of the two pictures, in 8-bit levels.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from impasto.data.photos import center_crop, find_photos
from impasto.events import ignore
from impasto.models import list_styles, load_style_model
from impasto.networks import load_loss_network
from impasto.training import StyleTrainingConfig, read_recipe
from impasto.training.style_task import VALIDATION_PX, StyleTask
from impasto.training.task import Setup, readable

RECIPES = Path(__file__).parent
CPU = torch.device("cpu")
HEAD = """\
| style | content error, full / fast | style error a layer | objective | fast / full | distance |
|---|---|---|---|---|---|"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One style: the terms of both networks, and how far their pictures are apart."""

    full: dict[str, float]
    fast: dict[str, float]
    layers: float
    distance: float


def measure(style: str, photos: Path, output: Path) -> Row:
    """Both networks by the same criterion on the same photos."""
    options: dict[str, Any] = read_recipe(RECIPES / f"{style}.toml", StyleTrainingConfig)
    options |= {"photos": photos, "output": output, "preview_every": 0, "initial": style}
    full = StyleTrainingConfig(**options)
    config = load_style_model(style, "fast").config
    fast = StyleTrainingConfig(
        **{**options, "architecture": config.architecture, "blocks": config.blocks}
    )
    loss_network = load_loss_network(full.loss_network)
    paths = find_photos(photos)
    around = {"device": CPU, "paths": paths, "held_out": paths, "loss_network": loss_network}
    tasks = [StyleTask(Setup(config=each, report=ignore, **around)) for each in (full, fast)]
    terms = [task.validate(0, paths).terms for task in tasks]
    distances = []
    with torch.no_grad():
        for pixels in readable(paths, len(paths)):
            image = center_crop(pixels, VALIDATION_PX)
            one, other = (task.network(image).clamp(0, 1) for task in tasks)
            distances.append(float((one - other).abs().mean()) * 255)
    return Row(
        full=terms[0],
        fast=terms[1],
        layers=sum(full.style_layers.values()),
        distance=sum(distances) / len(distances),
    )


def line(style: str, row: Row) -> str:
    """A row of the table."""
    full, fast = row.full, row.fast
    cells = [
        f"`{style}`",
        f"{full['content']:.3f} / {fast['content']:.3f}",
        f"{full['style'] / row.layers:.3f} / {fast['style'] / row.layers:.3f}",
        f"{full['total']:.3f} / {fast['total']:.3f}",
        f"{fast['total'] / full['total']:.3f}",
        f"{row.distance:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    photos, *styles = sys.argv[1:]
    chosen = styles or [entry.name for entry in list_styles() if entry.fast]
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for style in chosen:
            print(line(style, measure(style, Path(photos), Path(folder))), flush=True)


if __name__ == "__main__":
    main()
