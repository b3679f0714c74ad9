"""The paper's super-resolution table, and ours beside it.

The paper's figures (PSNR and SSIM on Y) are as this project has them on record; its bicubic column
at factor 4 is what the protocol `standard` gives, the one at factor 8 what no protocol here gives.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.evaluation.results import Mean, Results
from impasto.evaluation.tables import markdown_table, psnr_text

FORMAT = "impasto-paper-table-1"
PROTOCOLS = ("standard", "blur")
SETS = ("set5", "set14", "bsd100")
SRCNN_PUBLISHED_DB, SRCNN_TOLERANCE_DB = 30.49, 0.3  # Set5, factor 4 (Dong et al.)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A row of the table: which model it is, in which factors, and the paper's name for it."""

    role: str
    title: str
    model: str  # a filter, or a bundled model without its factor
    factors: tuple[int, ...] = (4, 8)


CONTENDERS: tuple[Contender, ...] = (
    Contender(role="bicubic", title="bicubic", model="bicubic"),
    Contender(role="pixel", title="paper's network, pixel loss", model="paper-pixel"),
    Contender(role="srcnn", title="SRCNN", model="srcnn", factors=(4,)),
    Contender(role="feature", title="paper's network, feature loss", model="paper-feature"),
    Contender(role="modern-pixel", title="modern, pixel loss", model="pixel", factors=(4,)),
    Contender(
        role="modern-perceptual", title="modern, perceptual loss", model="perceptual", factors=(4,)
    ),
)

# factor -> set -> role -> (PSNR, SSIM)
PAPER: dict[int, dict[str, dict[str, tuple[float, float]]]] = {
    4: {
        "set5": {
            "bicubic": (28.43, 0.8114),
            "pixel": (28.40, 0.8205),
            "srcnn": (30.48, 0.8628),
            "feature": (27.09, 0.7680),
        },
        "set14": {
            "bicubic": (25.99, 0.7301),
            "pixel": (25.75, 0.6994),
            "srcnn": (27.49, 0.7503),
            "feature": (24.99, 0.6731),
        },
        "bsd100": {
            "bicubic": (25.96, 0.682),
            "pixel": (25.91, 0.6680),
            "srcnn": (26.90, 0.7101),
            "feature": (24.95, 0.6317),
        },
    },
    8: {
        "set5": {
            "bicubic": (23.80, 0.6455),
            "pixel": (24.77, 0.6864),
            "feature": (23.26, 0.7058),
        },
        "set14": {
            "bicubic": (22.37, 0.5518),
            "pixel": (23.02, 0.5787),
            "feature": (21.64, 0.5837),
        },
        "bsd100": {
            "bicubic": (22.11, 0.5322),
            "pixel": (22.54, 0.5526),
            "feature": (21.35, 0.5474),
        },
    },
}


def contenders(factor: int) -> list[Contender]:
    """Those that the table has at this factor."""
    return [contender for contender in CONTENDERS if factor in contender.factors]


def paper_table(results: Mapping[tuple[int, str], Results]) -> dict[str, Any]:
    """Results by factor and protocol, models named by role -> the table and its claims, as JSON."""
    means = {
        (factor, protocol, mean.set, mean.model): mean
        for (factor, protocol), found in results.items()
        for mean in found.means()
    }
    cells = [
        {
            "factor": factor,
            "set": set_name,
            "role": contender.role,
            "title": contender.title,
            "paper": _paper_score(factor, set_name, contender.role),
            "ours": {
                protocol: asdict(means[key])
                for protocol in PROTOCOLS
                if (key := (factor, protocol, set_name, contender.role)) in means
            },
        }
        for factor in PAPER
        for set_name in SETS
        for contender in contenders(factor)
        if any((factor, protocol, set_name, contender.role) in means for protocol in PROTOCOLS)
    ]
    first = next(iter(results.values()))
    distances = [
        {"name": distance["name"], "label": distance["label"]}
        for distance in first.measured["distances"]
    ]
    return {
        "format": FORMAT,
        "distances": distances,
        "cells": cells,
        "claims": _claims(means, [distance["name"] for distance in distances]),
    }


def read_paper_table(path: Path) -> dict[str, Any]:
    """Raises OptionError if the file is missing, or no such table."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{path}: cannot be read ({error})") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise OptionError(f"{path}: not the table that `impasto reproduce superres` writes")
    return table


def paper_table_markdown(table: Mapping[str, Any]) -> str:
    """Our figures beside the paper's, for people."""
    parts = [
        "# The paper's super-resolution table",
        "PSNR in dB / SSIM on Y. `standard` and `blur` are the protocols; the paper's own networks "
        "were trained, as in the paper, to undo `blur`. The last columns are perceptual distances "
        "under `standard`: less is better.",
    ]
    labels = [distance["label"] for distance in table["distances"]]
    for factor in dict.fromkeys(cell["factor"] for cell in table["cells"]):
        header = [f"factor {factor}", "set", "paper", *(f"ours, {p}" for p in PROTOCOLS), *labels]
        rows = [_row(cell, table) for cell in table["cells"] if cell["factor"] == factor]
        parts.append(markdown_table(header, rows, texts=2))
    parts.append("## Does it come out as the paper says?")
    parts.append(
        "\n".join(
            f"- {'yes' if claim['holds'] else 'NO'}: {claim['claim']} ({claim['detail']})"
            for claim in table["claims"]
        )
    )
    return "\n\n".join(parts) + "\n"


def _row(cell: Mapping[str, Any], table: Mapping[str, Any]) -> list[str]:
    scores = [cell["paper"], *(cell["ours"].get(protocol) for protocol in PROTOCOLS)]
    found = cell["ours"].get("standard", {}).get("distances", {})
    distances = [
        f"{found[distance['name']]:.4f}" if distance["name"] in found else "-"
        for distance in table["distances"]
    ]
    return [cell["title"], cell["set"], *(_score_text(score) for score in scores), *distances]


def _score_text(score: Mapping[str, float] | None) -> str:
    return "-" if score is None else f"{psnr_text(score['psnr'])} / {score['ssim']:.4f}"


def _paper_score(factor: int, set_name: str, role: str) -> dict[str, float] | None:
    score = PAPER[factor][set_name].get(role)
    return None if score is None else {"psnr": score[0], "ssim": score[1]}


def _claims(
    means: Mapping[tuple[int, str, str, str], Mean], distances: list[str]
) -> list[dict[str, Any]]:
    """What the paper's table says, checked on ours; only what was measured."""
    claims: list[dict[str, Any]] = []
    for factor in PAPER:
        for protocol in PROTOCOLS:
            where = f"factor {factor}, {protocol}"
            pairs = {
                name: (means[pixel], means[feature])
                for name in SETS
                if (pixel := (factor, protocol, name, "pixel")) in means
                and (feature := (factor, protocol, name, "feature")) in means
            }
            if not pairs:
                continue
            lost = {name: feature.psnr - pixel.psnr for name, (pixel, feature) in pairs.items()}
            claims.append(
                _claim(
                    f"{where}: the feature loss loses PSNR to the pixel loss", lost, "{:+.2f} dB"
                )
            )
            for distance in distances:
                nearer = {
                    name: feature.distances[distance] - pixel.distances[distance]
                    for name, (pixel, feature) in pairs.items()
                }
                text = f"{where}: the feature loss is nearer by {distance}"
                claims.append(_claim(text, nearer, "{:+.4f}"))
    srcnn = means.get((4, "standard", "set5", "srcnn"))
    if srcnn is not None:
        off = srcnn.psnr - SRCNN_PUBLISHED_DB
        claims.append(
            {
                "claim": f"SRCNN at factor 4 on set5 is within {SRCNN_TOLERANCE_DB} dB of "
                f"{SRCNN_PUBLISHED_DB} dB",
                "holds": abs(off) <= SRCNN_TOLERANCE_DB,
                "detail": f"{srcnn.psnr:.2f} dB, {off:+.2f}",
            }
        )
    return claims


def _claim(text: str, changes: Mapping[str, float], form: str) -> dict[str, Any]:
    """Holds if every change is below 0."""
    detail = ", ".join(f"{name} {form.format(change)}" for name, change in changes.items())
    return {"claim": text, "holds": all(c < 0 for c in changes.values()), "detail": detail}
