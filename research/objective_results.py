"""What a record of objective curves says: means, bands, crossings, the claim; as Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from impasto.evaluation.record import Record
from impasto.evaluation.tables import how_measured, markdown_table, number_text

# The paper: comparable to 50 ... 100 iterations. The claim: at or below 100 at 256 px, 50 above.
CLAIM = {256: 100, 512: 50, 1024: 50}
_HEAD = (
    "# The objective against iterations of L-BFGS\n\nThe objective is the very one that each "
    "style's network was trained on (relative errors: 0 is a perfect match), its mean over "
    "held-out photos: of the network's output after one forward pass, of the untouched photo, and "
    "of projected L-BFGS from white noise. `reached after` is where L-BFGS' mean falls to the "
    "network's. `difference`: the network minus L-BFGS after the iterations of the claim, its mean "
    "over the photos and the standard error of that mean; `lower`: the photos for which the "
    "network is not above. The paper finds its networks comparable to 50 to 100 iterations."
)
_TORCH_HEAD = (
    "The same start and objective by `torch.optim.LBFGS` (learning rate 1, history 10, no line "
    "search), clipped after every iteration: the class of optimiser of the paper's time."
)
_CONTINUED_HEAD = (
    "The same L-BFGS started from the network's picture; in brackets, how many iterations from "
    "white noise come as far."
)
_MARKS, _CONTINUED_MARKS = (10, 20, 50, 100, 200, 500), (0, 5, 10, 20, 50)


@dataclass(frozen=True, kw_only=True)
class Band:
    """Curves of one optimiser over the photos: mean and quartiles at each of `iterations`."""

    iterations: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]

    def at(self, iteration: int) -> float | None:
        """The mean after so many iterations; None if that was not looked at."""
        return dict(zip(self.iterations, self.mean, strict=True)).get(iteration)


@dataclass(frozen=True, kw_only=True)
class Lead:
    """The network minus L-BFGS after the claimed iterations, photo by photo."""

    mean: float
    standard_error: float | None  # of the mean, over the photos; None for one photo
    lower: int  # photos for which the network is at or below


@dataclass(frozen=True)
class Panel:
    """A style at a size, over the photos of which both the level and the curve were measured.

    measured: for each photo its entries by kind, "level", "lbfgs", "torch" and "continued".
    """

    style: str
    size_px: int
    measured: Sequence[Mapping[str, Mapping[str, Any]]]

    @property
    def photos(self) -> int:
        """How many."""
        return len(self.measured)

    @property
    def enlarged(self) -> int:
        """Photos smaller than the size."""
        return sum(bool(kinds["level"]["of"]["enlarged"]) for kinds in self.measured)

    @cached_property
    def network(self) -> float:
        """Mean objective of the network's outputs."""
        return statistics.fmean(kinds["level"]["network"] for kinds in self.measured)

    @cached_property
    def untouched(self) -> float:
        """Mean objective of the photos as they are."""
        return statistics.fmean(kinds["level"]["untouched"] for kinds in self.measured)

    @cached_property
    def lbfgs(self) -> Band:
        """L-BFGS from white noise."""
        return _band(self._curves("lbfgs"))

    @cached_property
    def torch(self) -> Band | None:
        """torch.optim.LBFGS, where its values stayed finite."""
        finite = [curve for curve in self._curves("torch") if None not in curve["values"]]
        return _band(finite) if finite else None

    @property
    def torch_broken(self) -> int:
        """Photos on which the torch baseline left the finite numbers."""
        return sum(None in curve["values"] for curve in self._curves("torch"))

    @cached_property
    def continued(self) -> Band | None:
        """L-BFGS from the network's picture."""
        curves = self._curves("continued")
        return _band(curves) if curves else None

    @property
    def evaluations(self) -> float:
        """Evaluations of the objective, an iteration of L-BFGS."""
        return statistics.fmean(c["evaluations"] / max(_done(c), 1) for c in self._curves("lbfgs"))

    @property
    def claimed(self) -> int | None:
        """The iterations of the claim at this size."""
        return CLAIM.get(self.size_px)

    @cached_property
    def lead(self) -> Lead | None:
        """None if the curves have no point of the claim, or the size no claim."""
        if self.claimed not in self.lbfgs.iterations:
            return None
        point, count = self.lbfgs.iterations.index(self.claimed), self.photos
        differences = [
            kinds["level"]["network"] - kinds["lbfgs"]["curve"]["values"][point]
            for kinds in self.measured
        ]
        return Lead(
            mean=statistics.fmean(differences),
            standard_error=statistics.stdev(differences) / count**0.5 if count > 1 else None,
            lower=sum(difference <= 0 for difference in differences),
        )

    @property
    def holds(self) -> bool | None:
        """Is the network at or below L-BFGS after the claimed iterations? None: not known."""
        if self.claimed is None:
            return None
        there = self.lbfgs.at(self.claimed)
        if there is not None:
            return self.network <= there
        # L-BFGS only falls: a shorter curve that is below already says no, never yes
        short = self.lbfgs.iterations[-1] < self.claimed
        return False if short and self.lbfgs.mean[-1] < self.network else None

    def reached(self, level: float) -> float | None:
        """Iterations after which L-BFGS' mean is at this level, if it comes to that."""
        return crossing_of(self.lbfgs.iterations, self.lbfgs.mean, level)

    def _curves(self, kind: str) -> list[Mapping[str, Any]]:
        return [kinds[kind]["curve"] for kinds in self.measured if kind in kinds]


def panels(record: Record) -> list[Panel]:
    """One for each style and size with a curve, sorted by both."""
    measured: dict[tuple[str, int], list[dict[str, dict[str, Any]]]] = {}
    found = record.grouped(lambda of: (of["style"], of["size_px"], of["photo"]["name"]))
    for (style, size_px, _), kinds in found.items():
        if {"level", "lbfgs"} <= set(kinds):
            measured.setdefault((style, size_px), []).append(kinds)
    return [Panel(*place, photos) for place, photos in sorted(measured.items())]


def crossing_of(iterations: Sequence[int], values: Sequence[float], level: float) -> float | None:
    """Where a falling curve first reaches `level`, between two of its points in a straight line."""
    i = next((i for i, value in enumerate(values) if value <= level), None)
    if not i:
        return i if i is None else float(iterations[0])
    share = (values[i - 1] - level) / (values[i - 1] - values[i])
    return iterations[i - 1] + share * (iterations[i] - iterations[i - 1])


def _done(curve: Mapping[str, Any]) -> int:
    stopped = curve["stopped_at"]
    return int(curve["iterations"][-1] if stopped is None else stopped)


def _band(curves: Sequence[Mapping[str, Any]]) -> Band:
    """All curves of a size have the same checkpoints: their iterations are among the settings."""
    columns = list(zip(*(curve["values"] for curve in curves), strict=True))
    quartiles = [
        statistics.quantiles(column * 2 if len(column) == 1 else column, n=4, method="inclusive")
        for column in columns
    ]
    return Band(
        iterations=list(curves[0]["iterations"]),
        mean=[statistics.fmean(column) for column in columns],
        low=[three[0] for three in quartiles],
        high=[three[2] for three in quartiles],
    )


def objective_markdown(record: Record) -> str:
    """A row for each style and size."""
    found = panels(record)
    if not found:
        return f"{_HEAD}\n\nNothing is measured yet.\n"
    marks = [n for n in _MARKS if any(panel.lbfgs.at(n) is not None for panel in found)]
    header = ["style", "size px", "photos", "untouched", "network", *(f"L-BFGS {n}" for n in marks)]
    header += ["reached after", "claim", "holds", "difference", "lower"]
    parts = [_HEAD, markdown_table(header, [_row(panel, marks) for panel in found])]
    baseline = [panel for panel in found if panel.torch or panel.torch_broken]
    if baseline:
        header = ["torch.optim.LBFGS, clipped", "size px", *(f"after {n}" for n in marks)]
        rows = [_torch_row(panel, marks) for panel in baseline]
        parts += [_TORCH_HEAD, markdown_table([*header, "broke down"], rows)]
    if any(panel.continued for panel in found):
        header = ["from the network's picture", "size px"]
        header += [f"after {n}" for n in _CONTINUED_MARKS]
        rows = [_continued_row(panel, panel.continued) for panel in found if panel.continued]
        parts += [_CONTINUED_HEAD, markdown_table(header, rows)]
    enlarged, photos = sum(p.enlarged for p in found), sum(p.photos for p in found)
    evaluations = statistics.fmean(panel.evaluations for panel in found)
    notes = [
        f"- photos smaller than the size were enlarged: {enlarged} of {photos}",
        f"- the objective was evaluated {evaluations:.2f} times an iteration",
    ]
    return "\n\n".join([*parts, "\n".join([how_measured(record), *notes])]) + "\n"


def _row(panel: Panel, marks: list[int]) -> list[str]:
    claim, holds, difference, lower = "-", "-", "-", "-"
    if panel.claimed is not None:
        claim = f"≤ L-BFGS {panel.claimed}"
        holds = {True: "yes", False: "NO", None: "not measured so far"}[panel.holds]
    if panel.lead is not None:
        spread = panel.lead.standard_error
        difference = f"{panel.lead.mean:.3f}" + ("" if spread is None else f" ± {spread:.3f}")
        lower = f"{panel.lead.lower} of {panel.photos}"
    cells = [panel.style, str(panel.size_px), str(panel.photos)]
    values = [panel.untouched, panel.network, *(panel.lbfgs.at(n) for n in marks)]
    cells += map(number_text, values)
    return [*cells, _reached_text(panel, panel.network), claim, holds, difference, lower]


def _torch_row(panel: Panel, marks: list[int]) -> list[str]:
    values = [panel.torch.at(n) if panel.torch else None for n in marks]
    broken = f"{panel.torch_broken} of {panel.photos}"
    return [panel.style, str(panel.size_px), *map(number_text, values), broken]


def _continued_row(panel: Panel, continued: Band) -> list[str]:
    values = [continued.at(n) for n in _CONTINUED_MARKS]
    texts = ["-" if v is None else f"{v:.3f} ({_reached_text(panel, v)})" for v in values]
    return [panel.style, str(panel.size_px), *texts]


def _reached_text(panel: Panel, level: float) -> str:
    """ "24", or that L-BFGS does not come to that level."""
    reached = panel.reached(level)
    return f"> {panel.lbfgs.iterations[-1]}" if reached is None else f"{reached:.0f}"
