"""From the record of a reproduction to its table and pictures: which functions draw which."""

from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from impasto.evaluation.objective_figure import objective_figures
from impasto.evaluation.objective_table import objective_markdown
from impasto.evaluation.reconstructions_figure import (
    reconstructions_figures,
    reconstructions_markdown,
)
from impasto.evaluation.record import Record, read_record
from impasto.evaluation.sheet_figure import sheet_figures, sheet_markdown
from impasto.evaluation.speed_table import speed_markdown
from impasto.evaluation.style_figure import style_figures
from impasto.evaluation.style_table import style_markdown
from impasto.files.atomic import write_text, write_with

Markdown = Callable[[Record], str]
Figures = Callable[[Record], Mapping[str, Image.Image]]  # part of the file's name -> picture


def _no_figures(_: Record) -> Mapping[str, Image.Image]:
    return {}


DRAWN_BY: dict[str, tuple[Markdown, Figures]] = {
    "features": (reconstructions_markdown, reconstructions_figures),
    "styles": (reconstructions_markdown, reconstructions_figures),
    "sheet": (sheet_markdown, sheet_figures),
    "objective": (objective_markdown, objective_figures),
    "speed": (speed_markdown, _no_figures),
    "style": (style_markdown, style_figures),
}


def draw_record(results_file: Path, folder: Path) -> list[Path]:
    """Write NAME.md, and NAME.png or NAME-PART.png for each figure; returns the files."""
    record = read_record(results_file)
    markdown, figures = DRAWN_BY[record.name]
    stem = results_file.stem
    table = folder / f"{stem}.md"
    write_text(table, markdown(record))
    files = [table]
    for part, picture in figures(record).items():
        path = folder / (f"{stem}.png" if part == record.name else f"{stem}-{part}.png")
        write_with(path, picture.save)
        files.append(path)
    return files
