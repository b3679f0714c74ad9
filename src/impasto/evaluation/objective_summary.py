"""What a record of objective curves says: means, bands, crossings, and whether the claim holds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impasto.evaluation.record import Record

# The paper: comparable to 50 ... 100 iterations. The claim: at or below 100 at 256 px, 50 above.
CLAIM = {256: 100, 512: 50, 1024: 50}


@dataclass(frozen=True, kw_only=True)
class Band:
    """Curves of one optimiser over the photos: mean and quartiles at each of `iterations`."""

    iterations: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]

    def at(self, iteration: int) -> float | None:
        """The mean after so many iterations; None if that was not looked at."""
        found = dict(zip(self.iterations, self.mean, strict=True))
        return found.get(iteration)


@dataclass(frozen=True, kw_only=True)
class Lead:
    """The network minus L-BFGS after the claimed iterations, photo by photo."""

    mean: float
    standard_error: float | None  # of the mean, over the photos; None for one photo
    lower: int  # photos for which the network is at or below


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A style at a size, over the photos of which both the level and the curve were measured."""

    style: str
    size_px: int
    photos: int
    enlarged: int
    network: float
    untouched: float
    lbfgs: Band
    torch: Band | None
    torch_broken: int  # photos on which the torch baseline left the finite numbers
    continued: Band | None  # of L-BFGS from the network's picture
    evaluations: float  # of the objective, an iteration of L-BFGS
    lead: Lead | None  # None if the curves have no such point, or the size no claim
    crossing: float | None  # iterations at which L-BFGS' mean reaches the network's, if it does

    @property
    def claimed(self) -> int | None:
        """The iterations of the claim at this size."""
        return CLAIM.get(self.size_px)

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


def panels(record: Record) -> list[Panel]:
    """One for each style and size with a curve, sorted by both."""
    groups: dict[tuple[str, int], dict[str, dict[str, dict[str, Any]]]] = {}
    for entry in record.entries.values():
        of = entry["of"]
        group = groups.setdefault((of["style"], of["size_px"]), {})
        group.setdefault(of["photo"]["name"], {})[of["kind"]] = entry
    found = [_panel(*place, photos) for place, photos in sorted(groups.items())]
    return [panel for panel in found if panel is not None]


def crossing_of(iterations: Sequence[int], values: Sequence[float], level: float) -> float | None:
    """Where a falling curve first reaches `level`, between two of its points in a straight line."""
    for i, value in enumerate(values):
        if value <= level:
            if i == 0:
                return float(iterations[0])
            share = (values[i - 1] - level) / (values[i - 1] - value)
            return iterations[i - 1] + share * (iterations[i] - iterations[i - 1])
    return None


def _panel(
    style: str, size_px: int, photos: Mapping[str, Mapping[str, dict[str, Any]]]
) -> Panel | None:
    whole = [kinds for kinds in photos.values() if {"level", "lbfgs"} <= set(kinds)]
    if not whole:
        return None
    curves = [kinds["lbfgs"]["curve"] for kinds in whole]
    network = statistics.fmean(kinds["level"]["network"] for kinds in whole)
    lbfgs = _band(curves)
    torch_curves = [kinds["torch"]["curve"] for kinds in whole if "torch" in kinds]
    finite = [curve for curve in torch_curves if None not in curve["values"]]
    continued = [kinds["continued"]["curve"] for kinds in whole if "continued" in kinds]
    return Panel(
        style=style,
        size_px=size_px,
        photos=len(whole),
        enlarged=sum(bool(kinds["level"]["of"]["enlarged"]) for kinds in whole),
        network=network,
        untouched=statistics.fmean(kinds["level"]["untouched"] for kinds in whole),
        lbfgs=lbfgs,
        torch=_band(finite) if finite else None,
        torch_broken=len(torch_curves) - len(finite),
        continued=_band(continued) if continued else None,
        evaluations=statistics.fmean(c["evaluations"] / max(_done(c), 1) for c in curves),
        lead=_lead(whole, CLAIM.get(size_px)),
        crossing=crossing_of(lbfgs.iterations, lbfgs.mean, network),
    )


def _lead(whole: Sequence[Mapping[str, dict[str, Any]]], claimed: int | None) -> Lead | None:
    iterations = whole[0]["lbfgs"]["curve"]["iterations"]
    if claimed not in iterations:
        return None
    point = iterations.index(claimed)
    differences = [
        kinds["level"]["network"] - kinds["lbfgs"]["curve"]["values"][point] for kinds in whole
    ]
    count = len(differences)
    return Lead(
        mean=statistics.fmean(differences),
        standard_error=statistics.stdev(differences) / count**0.5 if count > 1 else None,
        lower=sum(difference <= 0 for difference in differences),
    )


def _done(curve: Mapping[str, Any]) -> int:
    stopped = curve["stopped_at"]
    return int(curve["iterations"][-1] if stopped is None else stopped)


def _band(curves: Sequence[Mapping[str, Any]]) -> Band:
    """All curves of a size have the same checkpoints: their iterations are among the settings."""
    columns = list(zip(*(curve["values"] for curve in curves), strict=True))
    quartiles = [
        statistics.quantiles(column, n=4, method="inclusive")
        if len(column) > 1
        else [column[0]] * 3
        for column in columns
    ]
    return Band(
        iterations=list(curves[0]["iterations"]),
        mean=[statistics.fmean(column) for column in columns],
        low=[three[0] for three in quartiles],
        high=[three[2] for three in quartiles],
    )
