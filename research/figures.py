"""From result files to tables and pictures; no network is run, no test image read."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from impasto.errors import OptionError
from impasto.evaluation.environment import number_of
from impasto.evaluation.record import FORMAT as RECORD_FORMAT
from impasto.evaluation.record import Record, is_kept, read_record
from impasto.evaluation.results import read_results
from impasto.evaluation.style_results import style_markdown
from impasto.evaluation.tables import results_table
from impasto.files.atomic import write_text, write_with
from research.objective_results import objective_markdown
from research.paper_table import FORMAT as PAPER_TABLE_FORMAT
from research.paper_table import paper_table_markdown
from research.picture_sheets import crops_sheet
from research.plots import SPEED_FORMAT, objective_plots, speed_plot, style_plots, tradeoff_plot
from research.qualitative_sheet import sheet_figures, sheet_markdown
from research.reconstructions import reconstructions_figures, reconstructions_markdown
from research.speed_table import networks_markdown, speed_markdown

Figures = Callable[[Record], Mapping[str, Figure]]  # part of the file's name -> figure

# By name of the record: what makes its table, and its figures.
DRAWN_BY: dict[str, tuple[Callable[[Record], str], Figures]] = {
    "features": (reconstructions_markdown, reconstructions_figures),
    "styles": (reconstructions_markdown, reconstructions_figures),
    "sheet": (sheet_markdown, sheet_figures),
    "objective": (objective_markdown, objective_plots),
    "speed": (speed_markdown, lambda _: {}),
    "style": (style_markdown, style_plots),
}


def draw_figures(results_file: Path, folder: Path) -> list[Path]:
    """Write everything that `results_file` gives into `folder`, and return the files.

    `impasto evaluate superres` gives NAME.md, NAME-crops-SET.png for each set of which crops were
    kept, and NAME-tradeoff.png if a perceptual distance was measured; the paper's table NAME.md,
    and all that for each of its results; other records, and benchmarks/inference.py, NAME.md and
    their figures. Raises OptionError for a file that is missing or of another kind, for a picture
    that it names and that is gone, and if `folder` cannot be written.
    """
    drawers = {
        PAPER_TABLE_FORMAT: _draw_paper_table,
        RECORD_FORMAT: _draw_record,
        SPEED_FORMAT: _draw_benchmark,
    }
    try:
        return drawers.get(_format_of(results_file), _draw_evaluation)(results_file, folder)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(
            f"{results_file}: damaged, it lacks what its figures need ({error!r}); measure again, "
            "or give a file as it was written"
        ) from error
    except OSError as error:
        raise OptionError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def _format_of(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file") from error
    except (OSError, ValueError, RecursionError):
        return ""  # the reader says what is wrong with it
    return str(found.get("format")) if isinstance(found, dict) else ""


def _write(folder: Path, stem: str, table: str, figures: Mapping[str, Figure | None]) -> list[Path]:
    """STEM.md, and STEM-PART.png for each figure."""
    files = [folder / f"{stem}.md"]
    write_text(files[0], table)
    for part, figure in figures.items():
        if figure is not None:
            files.append(folder / f"{stem}-{part}.png".replace("-.png", ".png"))
            write_with(files[-1], partial(figure.savefig, format="png"))
    return files


def _draw_evaluation(results_file: Path, folder: Path) -> list[Path]:
    results, beside = read_results(results_file), results_file.parent
    figures = {f"crops-{name}": crops_sheet(results, beside, name) for name in results.sets}
    figures["tradeoff"] = tradeoff_plot(results)
    return _write(folder, results_file.stem, results_table(results), figures)


def _draw_paper_table(results_file: Path, folder: Path) -> list[Path]:
    table = json.loads(results_file.read_text(encoding="utf-8"))
    files = _write(folder, results_file.stem, paper_table_markdown(table), {})
    for name in table["results"]:
        files += _draw_evaluation(results_file.parent / str(name), folder)
    return files


def _draw_record(results_file: Path, folder: Path) -> list[Path]:
    record = read_record(results_file)
    if record.name not in DRAWN_BY:
        raise OptionError(f"{results_file}: of an unknown reproduction {record.name!r}")
    markdown, figures = DRAWN_BY[record.name]
    found = figures(record)
    named = {"" if part == record.name else part: figure for part, figure in found.items()}
    return _write(folder, results_file.stem, markdown(record), named)


def _draw_benchmark(results_file: Path, folder: Path) -> list[Path]:
    results = json.loads(results_file.read_text(encoding="utf-8"))
    return _write(folder, results_file.stem, networks_markdown(results), {"": speed_plot(results)})


def join_records(parts: Sequence[Path], folder: Path) -> Path:
    """Write the entries of all parts into `folder`/NAME.json, with pictures; returns that file.

    For parts of one reproduction that several machines measured: each entry keeps the environment
    it was measured in. What several parts hold of the same inputs is taken from the first. Raises
    OptionError for fewer than two parts, for parts of different reproductions or settings, for an
    entry that two parts hold of different inputs, for a picture that is gone, and if the folder
    cannot be written.
    """
    if len(parts) < 2:
        raise OptionError("to join: name at least two files of one reproduction")
    records = [read_record(path) for path in parts]
    first = records[0]
    joined = Record(path=folder / f"{first.name}.json", name=first.name, settings={})
    for record in records:
        _check_agrees(joined, record, first.path)
        joined.settings |= record.settings
        for key, entry in record.entries.items():
            if key not in joined.entries:
                number = number_of(joined.environments, _environment(record, key))
                joined.entries[key] = {**entry, "environment": number}
                _copy_pictures(entry, record.path.parent, folder)
            elif joined.entries[key]["of"] != entry["of"]:
                raise OptionError(
                    f"{record.path}: {key!r} is of other inputs than in a file before it; leave "
                    "one of them out"
                )
    joined.save()
    return joined.path


def _environment(record: Record, key: str) -> dict[str, Any]:
    try:
        return dict(record.environments[record.entries[key]["environment"]])
    except (KeyError, IndexError, TypeError) as error:
        raise OptionError(
            f"{record.path}: damaged, it does not say where {key!r} was measured; give a file as "
            "it was written"
        ) from error


def _check_agrees(joined: Record, record: Record, first: Path) -> None:
    if record.name != joined.name:
        raise OptionError(
            f"{record.path}: of the reproduction {record.name!r}, {first} of {joined.name!r}; "
            "join those of one kind"
        )
    for name, value in record.settings.items():
        if joined.settings.get(name, value) != value:
            raise OptionError(
                f"{record.path}: measured with {name} {value!r}, files before it with "
                f"{joined.settings[name]!r}; join those of one kind"
            )


def _copy_pictures(entry: dict[str, Any], source: Path, folder: Path) -> None:
    """Beside the joined record, under the names that the entry gives."""
    for picture in entry.get("pictures", {}).values():
        path, target = source / str(picture["file"]), folder / str(picture["file"])
        if not is_kept(picture, source):
            raise OptionError(
                f"{path}: missing, or not the picture that the results name; measure it again"
            )
        if is_kept(picture, folder):
            continue
        if target.exists():
            raise OptionError(f"{target}: another picture of that name; give an empty folder")
        try:
            write_with(target, partial(shutil.copyfile, path))
        except OSError as error:
            raise OptionError(
                f"{folder}: cannot be written ({error.strerror or error}); choose another folder"
            ) from error
