"""The results of an evaluation: one JSON file from which tables and figures are made.

What was measured how (`measured`: task, factor, protocol with every step, distances with the
hashes of their weights), on which machines, on which images and with which models (by hash), one
row for each image and model, and the means. Numbers that are infinite (the PSNR of equal images)
are null.
"""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.evaluation.record import read_json, save_json

FORMAT = "impasto-evaluation-1"
_ANOTHER = "give another output file, or `overwrite`"
_ANOTHER_FILE = "give a file as it was written"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image enlarged by one model. `seconds`: of the enlargement; `environment`: its number.

    `crop` and `output` are picture files beside the results, as {"file", "sha256"}.
    """

    set: str
    image: str
    model: str
    image_sha256: str
    weights_sha256: str | None
    psnr: float
    ssim: float
    distances: dict[str, float] = field(default_factory=dict)
    seconds: float
    megapixels: float  # of the output
    environment: int
    crop: dict[str, Any] | None = None
    output: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.psnr is None:  # JSON has no infinity
            object.__setattr__(self, "psnr", math.inf)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.set, self.image, self.model

    @property
    def seconds_per_megapixel(self) -> float:
        return self.seconds / self.megapixels


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A model over a set: means, and the median of the times. `images`: how many."""

    set: str
    model: str
    images: int
    psnr: float
    ssim: float
    distances: dict[str, float]
    seconds_per_megapixel: float


@dataclass(kw_only=True)
class Results:
    """A results file in memory."""

    measured: dict[str, Any]
    environments: list[dict[str, Any]] = field(default_factory=list)
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows[row.key] = row

    def _keep(self, holds: Callable[[Row], bool]) -> None:
        self.rows = {key: row for key, row in self.rows.items() if holds(row)}

    def register_models(self, models: dict[str, dict[str, Any]]) -> None:
        """Enter models by name; rows of other weights under such a name are dropped."""
        self.models |= models
        self._keep(lambda row: row.weights_sha256 == self.models[row.model]["weights_sha256"])

    def register_set(self, name: str, images: list[str], *, known: int | None) -> None:
        """Enter a set; rows of images that it has no more are dropped.

        known: how many images the set of the literature has, None for a set of the user's own.
        """
        before = {image["name"]: image for image in self.sets.get(name, {}).get("images", [])}
        self.sets[name] = {
            "known": known,
            "images": [before.get(image, {"name": image}) for image in images],
        }
        present = set(images)
        self._keep(lambda row: row.set != name or row.image in present)

    def register_image(self, set_name: str, index: int, entry: dict[str, Any]) -> None:
        """Replace an image's entry; rows of another image under its name are dropped."""
        self.sets[set_name]["images"][index] = entry
        place, digest = (set_name, entry["name"]), entry["pixels_sha256"]
        self._keep(lambda row: (row.set, row.image) != place or row.image_sha256 == digest)

    def forget_failures(self, sets: list[str], models: list[str]) -> None:
        """What failed with these is about to be tried again."""
        self.failures = [
            failure
            for failure in self.failures
            if failure["set"] not in sets or failure["model"] not in {*models, None}
        ]

    def means(self) -> list[Mean]:
        """For each set and model with rows, in the order in which they were evaluated."""
        return [
            mean_of(rows)
            for name in self.sets
            for model in self.models
            if (rows := self.rows_of(name, model))
        ]

    def rows_of(self, set_name: str, model: str) -> list[Row]:
        """In the order of the set's images; images that failed are left out."""
        keys = ((set_name, image["name"], model) for image in self.sets[set_name]["images"])
        return [self.rows[key] for key in keys if key in self.rows]

    def save(self, path: Path) -> None:
        """Write atomically. Raises OptionError if the file cannot be written."""
        places = [(name, model) for name in self.sets for model in self.models]
        content = {
            "format": FORMAT,
            "measured": self.measured,
            "environments": self.environments,
            "sets": self.sets,
            "models": self.models,
            "means": [asdict(mean) for mean in self.means()],
            "rows": [asdict(row) for place in places for row in self.rows_of(*place)],
            "failures": self.failures,
        }
        save_json(path, content)


def read_results(path: Path, *, remedy: str = _ANOTHER_FILE) -> Results:
    """Raises OptionError, with this remedy, for a file that is missing or no results."""
    found = read_json(path, FORMAT, "results of `impasto evaluate`", remedy)
    try:
        rows = [Row(**row) for row in found["rows"]]
        return Results(
            measured=found["measured"],
            environments=found["environments"],
            sets=found["sets"],
            models=found["models"],
            rows={row.key: row for row in rows},
            failures=found["failures"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"{path}: damaged results ({error!r}); {remedy}") from error


def open_results(path: Path, measured: dict[str, Any], *, overwrite: bool) -> Results:
    """The results in `path` to go on with, or empty ones if it is not there (or to be replaced).

    Raises OptionError if they were measured in another way: figures of two protocols never meet in
    one file.
    """
    if overwrite or not path.exists():
        return Results(measured=measured)
    results = read_results(path, remedy=_ANOTHER)
    if results.measured != measured:
        differing = sorted(
            key
            for key in {*results.measured, *measured}
            if results.measured.get(key) != measured.get(key)
        )
        raise OptionError(
            f"{path} holds results of another measurement ({', '.join(differing)}); {_ANOTHER}"
        )
    return results


def mean_of(rows: Iterable[Row]) -> Mean:
    """Mean of rows of one set and model; an infinite PSNR (equal images) is left out of it."""
    rows = list(rows)
    finite = [row.psnr for row in rows if math.isfinite(row.psnr)]
    distances = [name for name in rows[0].distances if all(name in row.distances for row in rows)]
    return Mean(
        set=rows[0].set,
        model=rows[0].model,
        images=len(rows),
        psnr=statistics.fmean(finite) if finite else math.inf,
        ssim=statistics.fmean(row.ssim for row in rows),
        distances={
            name: statistics.fmean(row.distances[name] for row in rows) for name in distances
        },
        seconds_per_megapixel=statistics.median(row.seconds_per_megapixel for row in rows),
    )
