"""The objective against iterations as Markdown: levels, crossings, and the claim, yes or no."""

from impasto.evaluation.objective_summary import Panel, crossing_of, panels
from impasto.evaluation.record import Record
from impasto.evaluation.record_notes import how_measured
from impasto.evaluation.tables import markdown_table

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
