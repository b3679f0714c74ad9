"""The qualitative sheet as a picture and as Markdown, from the record alone."""

from typing import Any

from PIL import Image

from impasto.evaluation.crops import open_kept
from impasto.evaluation.picture_grid import Cell, picture_grid
from impasto.evaluation.record import Record
from impasto.evaluation.record_notes import how_measured
from impasto.evaluation.tables import markdown_table

_HEAD = (
    "# Photo, painting, Gatys et al., ours\n\nBoth pictures minimise one objective, that of the "
    "network's training: L-BFGS for this photo alone from white noise, the network for all photos "
    "beforehand. Less is better."
)


def sheet_markdown(record: Record) -> str:
    """The objective of both pictures in every row."""
    rows = []
    for (photo, style), kinds in _rows(record).items():
        cells = [f"{kinds[kind]['objective']:.3f}" for kind in ("lbfgs", "network")]
        rows.append([photo, style, *cells])
    header = ["photo", "style", f"L-BFGS {record.settings['iterations']}", "network"]
    table = markdown_table(header, rows, texts=2) if rows else "Nothing is measured yet."
    return f"{_HEAD}\n\n{table}\n\n{how_measured(record)}\n"


def sheet_figures(record: Record) -> dict[str, Image.Image]:
    """One row for each photo and style."""
    rows = [_cells(record, style, kinds) for (_, style), kinds in _rows(record).items()]
    return {"sheet": picture_grid("Photo, painting, Gatys et al., ours", rows)} if rows else {}


def _cells(record: Record, style: str, kinds: dict[str, dict[str, Any]]) -> list[Cell]:
    folder, network, lbfgs = record.path.parent, kinds["network"], kinds["lbfgs"]
    kept = network["pictures"]
    iterations = record.settings["iterations"]
    return [
        Cell(picture=open_kept(folder, kept["content"]), lines=("photo",)),
        Cell(picture=open_kept(folder, kept["painting"]), lines=(style,)),
        Cell(
            picture=open_kept(folder, lbfgs["pictures"]["picture"]),
            lines=(f"L-BFGS {iterations}", f"objective {lbfgs['objective']:.3f}"),
        ),
        Cell(
            picture=open_kept(folder, kept["picture"]),
            lines=("network", f"objective {network['objective']:.3f}"),
        ),
    ]


def _rows(record: Record) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """(photo, style) -> both entries; only where both are there."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for entry in record.entries.values():
        of = entry["of"]
        found.setdefault((of["photo"]["name"], of["style"]), {})[of["kind"]] = entry
    return {place: kinds for place, kinds in found.items() if len(kinds) == 2}
