"""The paper's super-resolution table, every number measured by us: `superres`.

The paper's figures (PSNR and SSIM on Y) are as this project has them on record; its bicubic column
at factor 4 is what the protocol `standard` gives, the one at factor 8 what no protocol here gives.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.evaluation import SuperResEvaluation, evaluate_superres
from impasto.evaluation.methods import find_methods
from impasto.evaluation.results import Mean, Results
from impasto.evaluation.tables import markdown_table, psnr_text
from impasto.events import CancelToken, Notice, OnEvent, ignore
from impasto.files.atomic import write_text
from research.reproductions import Reproduction

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

# (factor, set) -> role -> PSNR, SSIM
_ROLES = ("bicubic", "pixel", "feature", "srcnn")
_PUBLISHED = {
    (4, "set5"): "28.43 0.8114  28.40 0.8205  27.09 0.7680  30.48 0.8628",
    (4, "set14"): "25.99 0.7301  25.75 0.6994  24.99 0.6731  27.49 0.7503",
    (4, "bsd100"): "25.96 0.682  25.91 0.6680  24.95 0.6317  26.90 0.7101",
    (8, "set5"): "23.80 0.6455  24.77 0.6864  23.26 0.7058",
    (8, "set14"): "22.37 0.5518  23.02 0.5787  21.64 0.5837",
    (8, "bsd100"): "22.11 0.5322  22.54 0.5526  21.35 0.5474",
}


def _by_role(text: str) -> dict[str, tuple[float, float]]:
    numbers = [float(number) for number in text.split()]
    return dict(zip(_ROLES, zip(numbers[::2], numbers[1::2], strict=True), strict=False))


PAPER = {place: _by_role(text) for place, text in _PUBLISHED.items()}
FACTORS = (4, 8)


def contenders(factor: int) -> list[Contender]:
    """Those that the table has at this factor."""
    return [contender for contender in CONTENDERS if factor in contender.factors]


def plan_superres(config: Reproduction) -> list[SuperResEvaluation]:
    """What is to be measured: both factors by both protocols, models named by role.

    Raises OptionError for a role that the table does not have, ModelError for a missing model.
    """
    taken = _models_taken(config.models)
    evaluations = []
    for factor in FACTORS:
        models = tuple(
            f"{each.role}={taken.get(f'{each.role}-x{factor}', each.model)}"
            for each in contenders(factor)
        )
        find_methods(models, factor=factor)
        evaluations += [
            SuperResEvaluation(
                models=models,
                sets=config.sets,
                factor=factor,
                protocol=protocol,
                output=config.output / f"x{factor}-{protocol}.json",
                data=config.data,
                distances=config.distances,
                device=config.device,
            )
            for protocol in PROTOCOLS
        ]
    return evaluations


def reproduce_superres(
    evaluations: Sequence[SuperResEvaluation],
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> Path:
    """Measure them into a file each, then `superres.json` beside these; returns that.

    What is measured already is kept. Raises what `evaluate_superres` raises.
    """
    results: dict[tuple[int, str], Results] = {}
    for each in evaluations:
        on_event(Notice(message=f"factor {each.factor}, protocol {each.protocol}"))
        results[each.factor, each.protocol] = evaluate_superres(each, on_event, cancel)
    table = {**paper_table(results), "results": [each.output.name for each in evaluations]}
    path = evaluations[0].output.with_name("superres.json")
    write_text(path, json.dumps(table, indent=1, allow_nan=False) + "\n")
    return path


def _models_taken(texts: tuple[str, ...]) -> dict[str, str]:
    """("pixel-x4=FILE",) -> {"pixel-x4": "FILE"}: role and factor -> model."""
    roles = [f"{each.role}-x{factor}" for each in CONTENDERS for factor in each.factors]
    taken = {}
    for text in texts:
        role, _, model = text.partition("=")
        if not (role and model):
            raise OptionError(f"`models` {text!r}: wanted ROLE=FILE, as pixel-x4=FILE")
        if role not in roles:
            raise OptionError(f"`models`: no role {role!r} in the table; choose from {roles}")
        taken[role] = model
    return taken


def paper_table(results: Mapping[tuple[int, str], Results]) -> dict[str, Any]:
    """Results by factor and protocol, models named by role -> the table and its claims, as JSON."""
    means = {
        (factor, protocol, mean.set, mean.model): mean
        for (factor, protocol), found in results.items()
        for mean in found.means()
    }
    cells = []
    for factor, set_name in PAPER:
        for contender in contenders(factor):
            place = set_name, contender.role
            there = {p: means.get((factor, p, *place)) for p in PROTOCOLS}
            ours = {protocol: asdict(mean) for protocol, mean in there.items() if mean}
            published = PAPER[factor, set_name].get(contender.role)
            paper = {"psnr": published[0], "ssim": published[1]} if published else None
            cell = {"factor": factor, "set": set_name, "role": contender.role}
            if ours:
                cells.append({**cell, "title": contender.title, "paper": paper, "ours": ours})
    first = next(iter(results.values()))
    distances = [{key: d[key] for key in ("name", "label")} for d in first.measured["distances"]]
    claims = _claims(means, [distance["name"] for distance in distances])
    return {"format": FORMAT, "distances": distances, "cells": cells, "claims": claims}


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


def _claims(
    means: Mapping[tuple[int, str, str, str], Mean], distances: list[str]
) -> list[dict[str, Any]]:
    """What the paper's table says, checked on ours; only what was measured."""
    claims: list[dict[str, Any]] = []
    for factor in FACTORS:
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
            lost = {n: feature.psnr - pixel.psnr for n, (pixel, feature) in pairs.items()}
            text = f"{where}: the feature loss loses PSNR to the pixel loss"
            claims.append(_claim(text, lost, "{:+.2f} dB"))
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
        text = (
            f"SRCNN at factor 4 on set5 is within {SRCNN_TOLERANCE_DB} dB of {SRCNN_PUBLISHED_DB}"
        )
        detail = f"{srcnn.psnr:.2f} dB, {off:+.2f}"
        holds = abs(off) <= SRCNN_TOLERANCE_DB
        claims.append({"claim": f"{text} dB", "holds": holds, "detail": detail})
    return claims


def _claim(text: str, changes: Mapping[str, float], form: str) -> dict[str, Any]:
    """Holds if every change is below 0."""
    detail = ", ".join(f"{name} {form.format(change)}" for name, change in changes.items())
    return {"claim": text, "holds": all(c < 0 for c in changes.values()), "detail": detail}
