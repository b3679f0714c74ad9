"""`impasto reproduce features` and `styles`: what each layer keeps, paper figures 3 and 4."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.data.photos import center_crop
from impasto.errors import OptionError
from impasto.evaluation.crops import file_stem, keep_picture
from impasto.evaluation.held_out import look_at, photos_or
from impasto.evaluation.paintings import find_paintings
from impasto.evaluation.record import Record, open_record
from impasto.evaluation.reproduce_objective import check_counts
from impasto.evaluation.tasks import Plan, Say, Task
from impasto.evaluation.trained_objective import style_names
from impasto.events import Event, Step
from impasto.machine.devices import Precision, choose_device, choose_dtype
from impasto.media import psnr, read_picture
from impasto.models import load_style_model
from impasto.networks import LossNetwork, load_loss_network
from impasto.optimization.config import TV_WEIGHT
from impasto.optimization.inversion import invert_features
from impasto.optimization.synthesis import synthesize_texture

LOSS_NETWORK = "vgg19-normalised+vgg19-distilled"  # that of the bundled styles
SHOWN_LAYERS = 5


@dataclass(frozen=True, kw_only=True)
class _Reconstruction:
    """Fields of both; `layers`: see `shown_layers`; a mapping `iterations` has them under 0."""

    output: Path
    loss_network: str = LOSS_NETWORK
    layers: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (256,)
    iterations: Mapping[int, int] = field(default_factory=dict)
    device: str = "auto"
    precision: Precision = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_counts(1, self.sizes, self.iterations.values())
        if len(self.sizes) != 1:
            raise OptionError(f"--sizes {self.sizes}: reconstructions have one size; give one")

    def iterations_or(self, default: int) -> int:
        """Those asked for at the size, or at any, or the default."""
        return self.iterations.get(self.sizes[0], self.iterations.get(0, default))


@dataclass(frozen=True, kw_only=True)
class FeaturesReproduction(_Reconstruction):
    """Feature reconstruction of `count` photos: those of `content`, or held-out ones."""

    content: tuple[Path, ...] = ()
    photos: Path | None = None
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class StylesReproduction(_Reconstruction):
    """Style reconstruction of the paintings of `styles`."""

    styles: tuple[str, ...] = ("starry-night",)
    paintings: Path | None = None


@dataclass(frozen=True)
class _Source:
    """A picture to be reconstructed from; `file` names it, `of` is its part of a task's inputs."""

    name: str
    path: Path
    of: dict[str, Any]


class _Workshop:
    """The loss network, the record and the way to make tasks for both figures."""

    def __init__(self, name: str, config: _Reconstruction, iterations: int) -> None:
        self.device = choose_device(config.device)
        self.dtype = choose_dtype(config.precision, self.device)
        self.network: LossNetwork = load_loss_network(config.loss_network).to(self.device)
        self.layers = shown_layers(self.network, config.layers)
        self.size_px, self.iterations = config.sizes[0], iterations
        settings = {
            "precision": str(self.dtype).removeprefix("torch."),
            "loss network": self.network.name,
            "size_px": self.size_px,
            "iterations": iterations,
        }
        path = config.output / f"{name}.json"
        self.record: Record = open_record(path, name, settings, overwrite=config.overwrite)

    def square(self, source: _Source) -> Tensor:
        """(1, 3, size, size)"""
        return center_crop(read_picture(source.path).pixels, self.size_px).to(self.device)

    def original(self, source: _Source) -> Task:
        of = {**source.of, "size_px": self.size_px, "kind": "original"}

        def run(_: Say) -> dict[str, Any]:
            return {"pictures": {"picture": self.keep(source, "original", self.square(source))}}

        return Task(key=f"{source.name}, original", of=of, work=0.0, run=run)

    def keep(self, source: _Source, what: str, pixels: Tensor) -> dict[str, Any]:
        path = self.record.pictures / f"{file_stem(source.name, what)}.png"
        return keep_picture(path, pixels, self.record.path.parent)

    def inputs(self, source: _Source, layers: Sequence[str]) -> dict[str, Any]:
        return {
            **source.of,
            "kind": "reconstruction",
            "layers": list(layers),
            "size_px": self.size_px,
            "iterations": self.iterations,
            "loss_network": self.network.name,
            "loss_network_sha256": self.network.weights_hash,
        }

    @property
    def work(self) -> float:
        return self.iterations * self.size_px**2 / 1e6

    def plan(self, tasks: Sequence[Task]) -> Plan:
        return Plan(record=self.record, tasks=tasks, device=self.device)


def plan_features(config: FeaturesReproduction) -> Plan:
    """A picture for each layer, with its PSNR; raises what is wrong before anything is measured."""
    shop = _Workshop("features", config, config.iterations_or(200))
    tasks = []
    for photo in photos_or(config.content, config.photos, config.count):
        source = _Source(photo.name, photo.path, {"photo": photo.to_json()})
        tasks.append(shop.original(source))
        for layer in shop.layers:
            of = {**shop.inputs(source, [layer]), "tv_weight_by_depth": TV_WEIGHT}
            run = partial(_invert, shop, source, layer)
            tasks.append(Task(key=f"{source.name}, {layer}", of=of, work=shop.work, run=run))
    return shop.plan(tasks)


def plan_styles(config: StylesReproduction) -> Plan:
    """A texture for each layer alone, and for each set of the first layers together."""
    shop = _Workshop("styles", config, config.iterations_or(300))
    tasks = []
    for name in style_names(config.styles):
        path = find_paintings(load_style_model(name), config.paintings)[0]
        source = _Source(name, path, {"painting": look_at(path).to_json()})
        tasks.append(shop.original(source))
        sets = [[layer] for layer in shop.layers]
        sets += [list(shop.layers[:number]) for number in range(2, len(shop.layers) + 1)]
        for layers in sets:
            of = shop.inputs(source, layers)
            run = partial(_synthesize, shop, source, layers)
            key = f"{source.name}, {'+'.join(layers)}"
            tasks.append(Task(key=key, of=of, work=shop.work / 2, run=run))
    return shop.plan(tasks)


def shown_layers(network: LossNetwork, asked: Sequence[str]) -> tuple[str, ...]:
    """Those asked for; else the last layer of each VGG block, or five from shallow to deep.

    Raises OptionError for a layer that the network lacks.
    """
    missing = [name for name in asked if name not in network.layer_names and "/" not in name]
    if missing:
        raise OptionError(
            f"--layers: {network.name} has no {missing}; choose from {list(network.layer_names)}"
        )
    if asked:
        return tuple(asked)
    blocks = {
        match[1]: name
        for name in network.layer_names
        if (match := re.fullmatch(r"relu(\d)_\d", name))
    }
    if len(blocks) == len({*blocks.values()}) and len(blocks) > 1:
        return tuple(blocks.values())
    names, count = network.layer_names, min(SHOWN_LAYERS, len(network.layer_names))
    return tuple(names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count))


def _invert(shop: _Workshop, source: _Source, layer: str, say: Say) -> dict[str, Any]:
    image = shop.square(source)
    found = invert_features(
        shop.network,
        image,
        layer,
        iterations=shop.iterations,
        seed=0,
        dtype=shop.dtype,
        on_event=partial(_report, say),
    )
    db = float(psnr(found.float().clamp(0, 1), image, data_range=1.0))
    return {"psnr": db, "pictures": {"picture": shop.keep(source, layer, found)}}


def _synthesize(
    shop: _Workshop, source: _Source, layers: Sequence[str], say: Say
) -> dict[str, Any]:
    texture = synthesize_texture(
        shop.network,
        shop.square(source),
        layers,
        size_hw=(shop.size_px, shop.size_px),
        coarsest_px=0,  # at one scale, as in the papers
        iterations=shop.iterations,
        seed=0,
        dtype=shop.dtype,
        on_event=partial(_report, say),
    )
    return {"pictures": {"picture": shop.keep(source, "+".join(layers), texture)}}


def _report(say: Say, event: Event) -> None:
    if isinstance(event, Step) and event.iteration % 10 == 0:
        say(f"iteration {event.iteration} of {event.iterations}")
