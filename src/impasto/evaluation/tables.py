"""Results as Markdown, for people: the means of each set, and how they were measured."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from impasto.evaluation.environment import machine_lines
from impasto.evaluation.record import Record
from impasto.evaluation.results import Mean, Results

Column = tuple[str, Callable[[Mean], str], Callable[[Mean], float] | None]  # title, text, score


def results_table(results: Results) -> str:
    """One table a set (the best of each column in bold), then the protocol and the machines."""
    measured = results.measured
    name = measured["protocol"]["name"]
    parts = [f"# Super-resolution, factor {measured['factor']}, protocol `{name}`"]
    for name in results.sets:
        means = [mean for mean in results.means() if mean.set == name]
        if means:
            parts += [f"## {name}", _set_table(results, means)]
    parts += [_color_costs(results), _failures(results), _how(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """The first `texts` columns to the left, numbers to the right; padded, to be read as it is."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    dashes = ["-" * (width - 1) for width in widths]
    rules = [f":{dash}" if i < texts else f"{dash}:" for i, dash in enumerate(dashes)]
    return "\n".join([line(header), line(rules), *(line(row) for row in rows)])


def number_text(value: float | None) -> str:
    """Three decimals; what was not measured is a dash."""
    return "-" if value is None else f"{value:.3f}"


def psnr_text(value: float) -> str:
    """Two decimals of a dB, as papers have it."""
    return f"{value:.2f}" if math.isfinite(value) else "∞"


def _set_table(results: Results, means: Sequence[Mean]) -> str:
    columns: list[Column] = [
        ("PSNR dB ↑", lambda mean: psnr_text(mean.psnr), lambda mean: mean.psnr),
        ("SSIM ↑", lambda mean: f"{mean.ssim:.4f}", lambda mean: mean.ssim),
    ]
    columns += [_distance_column(distance) for distance in results.measured["distances"]]
    columns.append(("s/MP", lambda mean: f"{mean.seconds_per_megapixel:.3g}", None))
    if len({mean.images for mean in means}) > 1:
        columns.append(("images", lambda mean: str(mean.images), None))
    rows = []
    for mean in means:
        cells = [mean.model]
        for _, text, score in columns:
            best = score is not None and score(mean) == max(score(other) for other in means)
            cells.append(f"**{text(mean)}**" if best and len(means) > 1 else text(mean))
        rows.append(cells)
    images = max(mean.images for mean in means)
    header = [f"{images} image{'s' * (images != 1)}", *(title for title, _, _ in columns)]
    return markdown_table(header, rows)


def _distance_column(distance: dict[str, Any]) -> Column:
    name = distance["name"]

    def text(mean: Mean) -> str:
        return f"{mean.distances[name]:.4f}" if name in mean.distances else "-"

    def score(mean: Mean) -> float:
        return -mean.distances.get(name, math.inf)

    return f"{distance['label']} ↓", text, score


def _color_costs(results: Results) -> str:
    """What matching the colours to the low resolution costs, beside the same network without."""
    means = {(mean.set, mean.model): mean for mean in results.means()}
    rows = []
    for (set_name, model), mean in means.items():
        match = results.models[model].get("color_match", "none")
        plain = means.get((set_name, model.removesuffix(f"+{match}")))
        if match == "none" or plain is None:
            continue
        changes = [
            f"{mean.distances[d['name']] - plain.distances[d['name']]:+.4f}"
            for d in results.measured["distances"]
        ]
        cells = [plain.model, set_name, match, f"{mean.psnr - plain.psnr:+.2f}"]
        rows.append([*cells, f"{mean.ssim - plain.ssim:+.4f}", *changes])
    if not rows:
        return ""
    labels = [d["label"] for d in results.measured["distances"]]
    header = ["model", "set", "colour match", "PSNR dB", "SSIM", *labels]
    return f"## What matching the colours changes\n\n{markdown_table(header, rows, texts=3)}"


def _failures(results: Results) -> str:
    if not results.failures:
        return ""
    lines = [
        f"- {failure['set']}/{failure['image']}"
        f"{', ' + failure['model'] if failure['model'] else ''}: {failure['reason']}"
        for failure in results.failures
    ]
    return "\n".join(["## Failed, and in no mean", "", *lines])


def _how(results: Results) -> str:
    protocol = results.measured["protocol"]
    lines = ["## How it was measured", ""]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in protocol.items()]
    lines += [
        f"- {distance['label']}: backbone {distance['backbone']} "
        f"(sha256 {distance['backbone_sha256'][:12]}), heads {distance['heads']}"
        for distance in results.measured["distances"]
    ]
    lines.append("- s/MP: seconds a megapixel of output, median over the images")
    lines += machine_lines(results.environments)
    unknown = [
        name
        for name, entry in results.sets.items()
        if entry["known"] is not None
        and [image.get("genuine") for image in entry["images"]] != [True] * entry["known"]
    ]
    lines += [f"- {name}: not the genuine images, so not comparable" for name in unknown]
    return "\n".join(lines)


def how_measured(record: Record) -> str:
    """A list, headed; to be gone on with."""
    lines = ["## How it was measured", ""]
    lines += [f"- {key}: {_setting(value)}" for key, value in record.settings.items()]
    lines += machine_lines(record.environments)
    return "\n".join(lines)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
