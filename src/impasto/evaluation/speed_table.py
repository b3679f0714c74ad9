"""Speed beside the paper's, as Markdown."""

from typing import Any

from impasto.evaluation.record import Record
from impasto.evaluation.record_notes import how_measured
from impasto.evaluation.tables import markdown_table

COUNTS = (100, 300, 500)
# px -> seconds of Gatys' method after 100, 300 and 500 iterations, and of the network: the paper's
# table 1 as this project has it on record, on a Titan X.
PAPER: dict[int, tuple[tuple[float, float, float], float]] = {
    256: ((3.17, 9.52, 15.86), 0.015),
    512: ((10.97, 32.91, 54.85), 0.05),
    1024: ((42.89, 128.66, 214.44), 0.21),
}
PAPER_RATIOS: dict[int, tuple[int, int, int]] = {
    256: (212, 636, 1060),
    512: (205, 615, 1026),
    1024: (208, 625, 1042),
}
_HEAD = (
    "# Speed\n\nSeconds for projected L-BFGS (Gatys' method with the objective of the network's "
    "training) and for one forward pass of the network, and how many times faster the pass is. "
    "The iterations cost the same, so 100, 300 and 500 are multiples of the median iteration. "
    "The paper's own figures are of a Titan X."
)


def speed_markdown(record: Record) -> str:
    """Ours and the paper's in one row a size; then our iteration beside a plain loop's."""
    sizes = _sizes(record)
    if not sizes:
        return f"{_HEAD}\n\nNothing is measured yet.\n"
    header = ["style", "size px", *(f"L-BFGS {n}" for n in COUNTS), "network"]
    header += [f"ratio at {n}" for n in COUNTS]
    rows = []
    for (style, size_px), kinds in sizes.items():
        each, network = kinds["lbfgs"]["seconds_each"], kinds["network"]["seconds_each"]
        rows.append([style, str(size_px), *_cells([each * n for n in COUNTS], network)])
        if size_px in PAPER:
            seconds, forward = PAPER[size_px]
            ratios = [str(ratio) for ratio in PAPER_RATIOS[size_px]]
            texts = [f"{s:.2f}" for s in seconds]
            rows.append(["the paper", str(size_px), *texts, f"{forward:g}", *ratios])
    parts = [_HEAD, markdown_table(header, rows), _plain(sizes)]
    timed = ", ".join(
        f"{kinds['lbfgs']['of']['times']} at {size_px} px" for (_, size_px), kinds in sizes.items()
    )
    return "\n\n".join([*parts, f"{how_measured(record)}\n- iterations timed: {timed}"]) + "\n"


def _cells(seconds: list[float], network: float) -> list[str]:
    ratios = [f"{s / network:.0f}" for s in seconds]
    return [*(f"{s:.1f}" for s in seconds), f"{network:.3f}", *ratios]


def _plain(sizes: dict[tuple[str, int], dict[str, dict[str, Any]]]) -> str:
    rows = []
    for (style, size_px), kinds in sizes.items():
        if "plain" in kinds:
            ours, plain = kinds["lbfgs"]["seconds_each"], kinds["plain"]["seconds_each"]
            cells = [f"{ours:.3f}", f"{plain:.3f}", f"{plain / ours:.2f}"]
            rows.append([style, str(size_px), *cells])
    if not rows:
        return ""
    header = ["style", "size px", "s an iteration", "a plain PyTorch loop", "times faster"]
    text = "An iteration of ours beside one of a plain loop, in the same run:"
    return f"{text}\n\n{markdown_table(header, rows)}"


def _sizes(record: Record) -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for entry in record.entries.values():
        of = entry["of"]
        found.setdefault((of["style"], of["size_px"]), {})[of["kind"]] = entry
    return {k: v for k, v in sorted(found.items()) if {"lbfgs", "network"} <= set(v)}
