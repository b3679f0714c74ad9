"""What each layer keeps of photos and paintings, paper figures 3 and 4: `features` and `styles`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.evaluation.held_out import HeldOutPhoto, look_at, photos_or
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
from impasto.evaluation.trained_styles import find_paintings, style_names
from impasto.events import Event, Step
from impasto.machine.devices import choose_device, choose_dtype
from impasto.media import psnr
from impasto.models import load_style_model
from impasto.networks import LossNetwork, load_loss_network
from impasto.optimization.config import TV_WEIGHT
from impasto.optimization.inversion import invert_features
from impasto.optimization.synthesis import synthesize_texture
from research.picture_sheets import Cell, picture_grid
from research.reproductions import Reproduction

SHOWN_LAYERS = 5
_HEADS = {
    "features": "# Feature reconstruction by layer\n\nThe picture that a layer of the loss network "
    "cannot tell from the photo: the shallow ones keep every pixel, the deep ones the structure "
    "but not exact shape, colour and texture (paper, figure 3).",
    "styles": "# Style reconstruction by layer\n\nTextures with the painting's Gram matrices, from "
    "noise: of each layer alone, and of all layers up to it together (paper, figure 4; Gatys et "
    "al. 2015). The deeper the layer, the larger the structures that it copies.",
}


@dataclass(frozen=True)
class _Source:
    """A picture to be reconstructed from; `of` is its part of a task's inputs."""

    name: str
    photo: HeldOutPhoto
    of: dict[str, Any]


class _Workshop:
    """The loss network, the record and the way to make tasks for both figures."""

    def __init__(self, name: str, config: Reproduction, iterations: int) -> None:
        self.size_px = config.size_px
        self.iterations = config.iterations_at(self.size_px, {0: iterations})
        self.device = choose_device(config.device)
        self.dtype = choose_dtype(config.precision, self.device)
        self.network: LossNetwork = load_loss_network(config.loss_network).to(self.device)
        self.layers = shown_layers(self.network, config.layers)
        self.tasks: list[Task] = []
        settings = {
            "precision": str(self.dtype).removeprefix("torch."),
            "loss network": self.network.name,
            "size_px": self.size_px,
            "iterations": self.iterations,
        }
        path = config.output / f"{name}.json"
        self.record: Record = open_record(path, name, settings, overwrite=config.overwrite)

    def square(self, source: _Source) -> Tensor:
        """(1, 3, size, size)"""
        return source.photo.square(self.size_px).to(self.device)

    def add_original(self, source: _Source) -> None:
        of = {**source.of, "size_px": self.size_px, "kind": "original"}

        def run(_: Say) -> dict[str, Any]:
            return self.keep(source, "original", self.square(source))

        self.tasks.append(Task(key=f"{source.name}, original", of=of, work=0.0, run=run))

    def add(self, source: _Source, layers: Sequence[str], work: float, run: Any, **of: Any) -> None:
        """`run`(shop, source, layers, say) is one optimisation; `work`: of its iterations."""
        facts = {
            **source.of,
            "kind": "reconstruction",
            "layers": list(layers),
            "size_px": self.size_px,
            "iterations": self.iterations,
            "loss_network": self.network.name,
            "loss_network_sha256": self.network.weights_hash,
        }
        self.tasks.append(
            Task(
                key=f"{source.name}, {'+'.join(layers)}",
                of={**facts, **of},
                work=work * self.iterations * self.size_px**2 / 1e6,
                run=partial(run, self, source, layers),
            )
        )

    def keep(self, source: _Source, what: str, pixels: Tensor) -> dict[str, Any]:
        path = self.record.pictures / f"{file_stem(source.name, what)}.png"
        return {"pictures": {"picture": keep_picture(path, pixels, self.record.path.parent)}}

    def plan(self) -> Plan:
        return Plan(record=self.record, tasks=self.tasks, device=self.device)


def plan_features(config: Reproduction) -> Plan:
    """A picture for each layer, with its PSNR; raises what is wrong before anything is measured."""
    shop = _Workshop("features", config, 200)
    for photo in photos_or(config.content, config.photos, config.count):
        source = _Source(photo.name, photo, {"photo": photo.to_json()})
        shop.add_original(source)
        for layer in shop.layers:
            shop.add(source, [layer], 1.0, _invert, tv_weight_by_depth=TV_WEIGHT)
    return shop.plan()


def plan_styles(config: Reproduction) -> Plan:
    """A texture for each layer alone, and for each set of the first layers together."""
    shop = _Workshop("styles", config, 300)
    for name in style_names(config.styles):
        photo = look_at(find_paintings(load_style_model(name), config.paintings)[0])
        source = _Source(name, photo, {"painting": photo.to_json()})
        shop.add_original(source)
        sets = [[layer] for layer in shop.layers]
        sets += [list(shop.layers[:number]) for number in range(2, len(shop.layers) + 1)]
        for layers in sets:
            shop.add(source, layers, 0.5, _synthesize)
    return shop.plan()


def shown_layers(network: LossNetwork, asked: Sequence[str]) -> tuple[str, ...]:
    """Those asked for; else the last layer of each VGG block, or five from shallow to deep.

    Raises OptionError for a layer that the network lacks.
    """
    missing = [name for name in asked if name not in network.layer_names and "/" not in name]
    if missing:
        raise OptionError(
            f"`layers`: {network.name} has no {missing}; choose from {list(network.layer_names)}"
        )
    if asked:
        return tuple(asked)
    names = network.layer_names
    blocks = {match[1]: name for name in names if (match := re.fullmatch(r"relu(\d)_\d", name))}
    if len(blocks) > 1:
        return tuple(blocks.values())
    count = min(SHOWN_LAYERS, len(names))
    return tuple(names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count))


def _invert(shop: _Workshop, source: _Source, layers: Sequence[str], say: Say) -> dict[str, Any]:
    image = shop.square(source)
    found = invert_features(
        shop.network,
        image,
        layers[0],
        iterations=shop.iterations,
        seed=0,
        dtype=shop.dtype,
        on_event=partial(_report, say),
    )
    db = float(psnr(found.float().clamp(0, 1), image, data_range=1.0))
    return {"psnr": db, **shop.keep(source, layers[0], found)}


def _synthesize(
    shop: _Workshop, source: _Source, layers: Sequence[str], say: Say
) -> dict[str, Any]:
    texture = synthesize_texture(
        shop.network,
        shop.square(source),
        layers,
        size_wh=(shop.size_px, shop.size_px),
        coarsest_px=0,  # at one scale, as in the papers
        iterations=shop.iterations,
        seed=0,
        dtype=shop.dtype,
        on_event=partial(_report, say),
    )
    return shop.keep(source, "+".join(layers), texture)


def _report(say: Say, event: Event) -> None:
    if isinstance(event, Step) and event.iteration % 10 == 0:
        say(f"iteration {event.iteration} of {event.iterations}")


def reconstructions_markdown(record: Record) -> str:
    """What was reconstructed; for features with the PSNR of each layer."""
    parts = [_HEADS[record.name]]
    if record.name == "features":
        found = [(name, e) for name, entries in _sources(record).items() for e in entries[1:]]
        rows = [[name, ", ".join(_layers(e)), f"{e['psnr']:.1f}"] for name, e in found]
        parts.append(markdown_table(["photo", "layer", "PSNR dB"], rows, texts=2))
    return "\n\n".join([*parts, how_measured(record)]) + "\n"


def reconstructions_figures(record: Record) -> dict[str, Figure]:
    """One figure: the original and its reconstructions in rows. Empty if nothing is there."""
    rows = []
    for name, entries in _sources(record).items():
        cells = [(len(_layers(entry)), _cell(record, entry, name)) for entry in entries]
        single = [cell for layers, cell in cells if layers <= 1]
        growing = [cell for layers, cell in cells if layers > 1]
        rows.append(single)
        if growing:  # below the single layer that each set adds; the first set is a single layer
            blank = Cell(picture=Image.new("RGB", single[0].picture.size, (255, 255, 255)))
            rows.append([blank, single[1], *growing])
    if not rows:
        return {}
    what = "Feature" if record.name == "features" else "Style"
    title = f"{what} reconstruction by layer, loss network {record.settings['loss network']}"
    return {record.name: picture_grid(title, rows)}


def _sources(record: Record) -> dict[str, list[dict[str, Any]]]:
    """Photo or painting -> its entries, the original first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in record.entries.values():
        of = entry["of"]
        found.setdefault(str((of.get("photo") or of["painting"])["name"]), []).append(entry)
    for entries in found.values():
        entries.sort(key=lambda entry: entry["of"]["kind"] != "original")
    return {name: e for name, e in found.items() if e[0]["of"]["kind"] == "original" and e[1:]}


def _cell(record: Record, entry: Mapping[str, Any], name: str) -> Cell:
    picture, names = open_kept(record.path.parent, entry["pictures"]["picture"]), _layers(entry)
    if not names:
        return Cell(picture=picture, lines=("original", name))
    first = names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"
    note = f"{len(names)} layer{'s' * (len(names) != 1)}"
    return Cell(
        picture=picture, lines=(first, f"{entry['psnr']:.1f} dB" if "psnr" in entry else note)
    )


def _layers(entry: Mapping[str, Any]) -> list[str]:
    """Without the network that each is of; none for an original."""
    return [str(layer).split("/")[-1] for layer in entry["of"].get("layers", ())]
