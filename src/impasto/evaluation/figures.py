"""From result files to tables and pictures; no network is run, no test image read."""

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from impasto.errors import OptionError
from impasto.evaluation.crops_figure import crops_figure
from impasto.evaluation.paper_table import FORMAT as PAPER_TABLE_FORMAT
from impasto.evaluation.paper_table import paper_table_markdown, read_paper_table
from impasto.evaluation.record import FORMAT as RECORD_FORMAT
from impasto.evaluation.record_figures import draw_record
from impasto.evaluation.results import read_results
from impasto.evaluation.tables import results_table
from impasto.evaluation.tradeoff_figure import tradeoff_figure
from impasto.files.atomic import write_text, write_with


def draw_figures(results_file: Path, folder: Path) -> list[Path]:
    """Write everything that `results_file` gives into `folder`, and return the files.

    Of `impasto evaluate superres`: NAME.md, NAME-crops-SET.png for each set of which crops were
    kept, and NAME-tradeoff.png if a perceptual distance was measured. Of `impasto reproduce
    superres`: NAME.md, and all that for each of its results. Of the other reproductions and of
    `impasto evaluate style`: NAME.md and their pictures. Raises OptionError for a file that is
    missing or of another kind, for a picture that it names and that is gone, and if `folder` cannot
    be written.
    """
    drawers: dict[object, Callable[[Path, Path], list[Path]]] = {
        PAPER_TABLE_FORMAT: _draw_paper_table,
        RECORD_FORMAT: draw_record,
    }
    try:
        drawer = drawers.get(_format_of(results_file))
        if drawer is not None:
            return drawer(results_file, folder)
        return _draw_evaluation(results_file, folder)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise OptionError(
            f"{results_file}: damaged, it lacks what its figures need ({error!r}); measure again, "
            "or give a file as it was written"
        ) from error
    except OSError as error:
        raise OptionError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def _draw_evaluation(results_file: Path, folder: Path) -> list[Path]:
    results, stem = read_results(results_file), results_file.stem
    pictures: dict[str, Image.Image | None] = {
        f"{stem}-crops-{name}.png": crops_figure(results, results_file.parent, sets=[name])
        for name in results.sets
    }
    pictures[f"{stem}-tradeoff.png"] = tradeoff_figure(results)
    table = folder / f"{stem}.md"
    write_text(table, results_table(results))
    drawn = {folder / name: picture for name, picture in pictures.items() if picture is not None}
    for path, picture in drawn.items():
        write_with(path, picture.save)
    return [table, *drawn]


def _draw_paper_table(results_file: Path, folder: Path) -> list[Path]:
    table = read_paper_table(results_file)
    path = folder / f"{results_file.stem}.md"
    write_text(path, paper_table_markdown(table))
    files = [path]
    for name in table["results"]:
        files += _draw_evaluation(results_file.parent / str(name), folder)
    return files


def _format_of(path: Path) -> object:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file") from error
    except (OSError, ValueError, RecursionError):
        return None  # the reader says what is wrong with it
    return found.get("format") if isinstance(found, dict) else None
