"""What a record of objective curves says: means, bands, crossings, the claim; as Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impasto.evaluation.record import Record
from impasto.evaluation.tables import how_measured, markdown_table

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


_HEAD = (
    "# The objective against iterations of L-BFGS\n\nThe objective is the very one that each "
    "style's network was trained on (relative errors: 0 is a perfect match), its mean over "
    "held-out photos: of the network's output after one forward pass, of the untouched photo, and "
    "of projected L-BFGS from white noise. `reached after` is where L-BFGS' mean falls to the "
    "network's. `difference`: the network minus L-BFGS after the iterations of the claim, its mean "
    "over the photos and the standard error of that mean; `lower`: the photos for which the "
    "network is not above. The paper finds its networks comparable to 50 to 100 iterations."
)

_CONTINUED_MARKS = (0, 5, 10, 20, 50)


def objective_markdown(record: Record) -> str:
    """A row for each style and size."""
    found = panels(record)
    parts = [_HEAD]
    if not found:
        return f"{_HEAD}\n\nNothing is measured yet.\n"
    marks = [
        n for n in (10, 20, 50, 100, 200, 500) if any(p.lbfgs.at(n) is not None for p in found)
    ]
    header = [
        "style",
        "size px",
        "photos",
        "untouched",
        "network",
        *(f"L-BFGS {n}" for n in marks),
        "reached after",
        "claim",
        "holds",
        "difference",
        "lower",
    ]
    rows = [_row(panel, marks) for panel in found]
    parts.append(markdown_table(header, rows))
    baseline = [panel for panel in found if panel.torch is not None or panel.torch_broken]
    if baseline:
        parts.append(_baseline_table(baseline, marks))
    if any(panel.continued for panel in found):
        parts.append(_continued_table(found))
    enlarged = sum(panel.enlarged for panel in found)
    notes = [
        f"- photos smaller than the size were enlarged: {enlarged} of "
        f"{sum(panel.photos for panel in found)}",
        f"- the objective was evaluated {_mean_evaluations(found):.2f} times an iteration",
    ]
    parts.append("\n".join([how_measured(record), *notes]))
    return "\n\n".join(parts) + "\n"


def claim_text(panel: Panel) -> tuple[str, str]:
    """What the claim is at this size, and whether it holds."""
    if panel.claimed is None:
        return "-", "-"
    words = {True: "yes", False: "NO", None: "not measured so far"}
    return f"≤ L-BFGS {panel.claimed}", words[panel.holds]


def lead_text(panel: Panel) -> tuple[str, str]:
    """ "-0.71 ± 0.02", "49 of 50"."""
    lead = panel.lead
    if lead is None:
        return "-", "-"
    spread = "" if lead.standard_error is None else f" ± {lead.standard_error:.3f}"
    return f"{lead.mean:.3f}{spread}", f"{lead.lower} of {panel.photos}"


def crossing_text(panel: Panel) -> str:
    """ "24", or that it does not come to that."""
    return _iterations_text(panel, panel.crossing)


def _iterations_text(panel: Panel, crossing: float | None) -> str:
    return f"> {panel.lbfgs.iterations[-1]}" if crossing is None else f"{crossing:.0f}"


def _row(panel: Panel, marks: list[int]) -> list[str]:
    values = [panel.lbfgs.at(n) for n in marks]
    return [
        panel.style,
        str(panel.size_px),
        str(panel.photos),
        f"{panel.untouched:.3f}",
        f"{panel.network:.3f}",
        *("-" if value is None else f"{value:.3f}" for value in values),
        crossing_text(panel),
        *claim_text(panel),
        *lead_text(panel),
    ]


def _baseline_table(found: list[Panel], marks: list[int]) -> str:
    header = ["torch.optim.LBFGS, clipped", "size px", *(f"after {n}" for n in marks), "broke down"]
    rows = []
    for panel in found:
        values = [panel.torch.at(n) if panel.torch else None for n in marks]
        texts = ["-" if value is None else f"{value:.3f}" for value in values]
        broken = f"{panel.torch_broken} of {panel.photos}"
        rows.append([panel.style, str(panel.size_px), *texts, broken])
    text = (
        "The same start and objective by `torch.optim.LBFGS` (learning rate 1, history 10, no line "
        "search), clipped after every iteration: the class of optimiser of the paper's time."
    )
    return f"{text}\n\n{markdown_table(header, rows)}"


def _continued_table(found: list[Panel]) -> str:
    header = ["from the network's picture", "size px", *(f"after {n}" for n in _CONTINUED_MARKS)]
    rows = []
    for panel in found:
        if panel.continued is None:
            continue
        texts = []
        for n in _CONTINUED_MARKS:
            value = panel.continued.at(n)
            if value is None:
                texts.append("-")
                continue
            crossing = crossing_of(panel.lbfgs.iterations, panel.lbfgs.mean, value)
            texts.append(f"{value:.3f} ({_iterations_text(panel, crossing)})")
        rows.append([panel.style, str(panel.size_px), *texts])
    text = (
        "The same L-BFGS started from the network's picture; in brackets, how many iterations from "
        "white noise come as far."
    )
    return f"{text}\n\n{markdown_table(header, rows)}"


def _mean_evaluations(found: list[Panel]) -> float:
    return sum(panel.evaluations for panel in found) / len(found)
