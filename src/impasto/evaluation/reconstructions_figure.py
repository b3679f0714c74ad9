"""Reconstructions by layer as a picture and as Markdown, from the record alone."""

from typing import Any

from PIL import Image

from impasto.evaluation.crops import open_kept
from impasto.evaluation.picture_grid import Cell, picture_grid
from impasto.evaluation.record import Record
from impasto.evaluation.record_notes import how_measured
from impasto.evaluation.tables import markdown_table

_HEADS = {
    "features": "# Feature reconstruction by layer\n\nThe picture that a layer of the loss network "
    "cannot tell from the photo: the shallow ones keep every pixel, the deep ones the structure "
    "but not exact shape, colour and texture (paper, figure 3).",
    "styles": "# Style reconstruction by layer\n\nTextures with the painting's Gram matrices, from "
    "noise: of each layer alone, and of all layers up to it together (paper, figure 4; Gatys et "
    "al. 2015). The deeper the layer, the larger the structures that it copies.",
}


def reconstructions_markdown(record: Record) -> str:
    """What was reconstructed; for features with the PSNR of each layer."""
    parts = [_HEADS[record.name]]
    if record.name == "features":
        found = [(name, e) for name, entries in _sources(record).items() for e in entries[1:]]
        rows = [[name, _layers(e), f"{e['psnr']:.1f}"] for name, e in found]
        parts.append(markdown_table(["photo", "layer", "PSNR dB"], rows, texts=2))
    return "\n\n".join([*parts, how_measured(record)]) + "\n"


def reconstructions_figures(record: Record) -> dict[str, Image.Image]:
    """One figure: the original and its reconstructions in rows. Empty if nothing is there."""
    rows = []
    for name, entries in _sources(record).items():
        cells = [_cell(record, entry, name) for entry in entries]
        single = [c for c, e in zip(cells, entries, strict=True) if len(_names(e)) <= 1]
        growing = [c for c, e in zip(cells, entries, strict=True) if len(_names(e)) > 1]
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
        name = str((of.get("photo") or of["painting"])["name"])
        found.setdefault(name, []).append(entry)
    for entries in found.values():
        entries.sort(key=lambda entry: entry["of"]["kind"] != "original")
    return {name: e for name, e in found.items() if e[0]["of"]["kind"] == "original" and e[1:]}


def _cell(record: Record, entry: dict[str, Any], name: str) -> Cell:
    picture = open_kept(record.path.parent, entry["pictures"]["picture"])
    if entry["of"]["kind"] == "original":
        return Cell(picture=picture, lines=("original", name))
    names = _names(entry)
    first = names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"
    note = f"{entry['psnr']:.1f} dB" if "psnr" in entry else f"{len(names)} layers"
    return Cell(picture=picture, lines=(first, "1 layer" if note == "1 layers" else note))


def _names(entry: dict[str, Any]) -> list[str]:
    return [str(layer).split("/")[-1] for layer in entry["of"].get("layers", ())]


def _layers(entry: dict[str, Any]) -> str:
    return ", ".join(_names(entry))
