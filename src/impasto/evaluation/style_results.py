"""What a record of `evaluate_style` says: means by style, who is nearest to whom; as Markdown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from impasto.evaluation.record import Record
from impasto.evaluation.tables import how_measured, markdown_table, number_text


@dataclass(frozen=True, kw_only=True)
class StyleScore:
    """A style over the photos that its network painted; distances are means.

    `nearest` counts, for each painting, the painted photos that are nearer to it than to any other,
    by `StyleMetric.ranking_distance`.
    """

    style: str
    photos: int
    style_distance: float
    content_distance: float
    untouched: float  # style distance of the photos as they were
    painting_crop: float | None  # style distance of the painting's own middle
    painting_content: float  # content distance of that middle to the photos
    lbfgs: tuple[float, float] | None  # style and content distance, on fewer photos
    lbfgs_photos: int
    network_there: tuple[float, float] | None  # the network's on those photos
    nearest: dict[str, int]

    @property
    def recognised(self) -> int:
        """Painted photos whose nearest painting is their own."""
        return self.nearest.get(self.style, 0)


def style_scores(record: Record) -> list[StyleScore]:
    """In the order in which the styles were asked for."""
    scores = (_score(record, style) for style in record.settings["styles"])
    return [score for score in scores if score is not None]


def untouched_nearest(record: Record) -> dict[str, int]:
    """For the untouched photos: which painting is nearest to how many."""
    return _count([entry["ranking_distances"] for entry in _entries(record, "untouched")])


def _score(record: Record, style: str) -> StyleScore | None:
    painted = _entries(record, "network", style)
    untouched = {_photo(entry): entry for entry in _entries(record, "untouched")}
    painted = [entry for entry in painted if _photo(entry) in untouched]
    if not painted:
        return None
    crops = _entries(record, "painting", style)
    lbfgs = _entries(record, "lbfgs", style)
    photos = {_photo(entry) for entry in lbfgs}
    there = [entry for entry in painted if _photo(entry) in photos]
    before = [untouched[_photo(entry)] for entry in painted]
    style_distance, content_distance = _means(painted, style)
    return StyleScore(
        style=style,
        photos=len(painted),
        style_distance=style_distance,
        content_distance=content_distance,
        untouched=statistics.fmean(entry["style_distances"][style] for entry in before),
        painting_crop=crops[0]["style_distances"][style] if crops else None,
        painting_content=statistics.fmean(e["content_of_paintings"][style] for e in before),
        lbfgs=_means(lbfgs, style) if lbfgs else None,
        lbfgs_photos=len(lbfgs),
        network_there=_means(there, style) if there else None,
        nearest=_count([entry["ranking_distances"] for entry in painted]),
    )


def _entries(record: Record, kind: str, style: str | None = None) -> list[dict[str, Any]]:
    return [
        entry
        for entry in record.entries.values()
        if entry["of"]["kind"] == kind and style in (None, entry["of"].get("style"))
    ]


def _photo(entry: dict[str, Any]) -> str:
    return str(entry["of"]["photo"]["name"])


def _means(entries: Sequence[dict[str, Any]], style: str) -> tuple[float, float]:
    return (
        statistics.fmean(entry["style_distances"][style] for entry in entries),
        statistics.fmean(entry["content_distance"] for entry in entries),
    )


def _count(found: Sequence[dict[str, float]]) -> dict[str, int]:
    nearest = [min(distances, key=lambda name: distances[name]) for distances in found]
    return {name: nearest.count(name) for name in sorted(set(nearest))}


def style_markdown(record: Record) -> str:
    """Means over the photos, then the confusion table."""
    scores = style_scores(record)
    network = record.settings["loss_network"]
    head = (
        f"# Style and content distance by {network}\n\nRelative errors of Gram matrices and of "
        "features, each the mean over its layers: 0 is equal, 1 what an empty picture scores; less "
        "is nearer. `untouched` is the photo as it was: its content distance is 0. `painting` is "
        "the middle of the painting itself, as large as the photos: its style distance is that of "
        "a part to the whole, its content distance that of a picture with nothing of the photo. "
        "`recognised`: painted photos that are nearer to their own painting than to any other."
    )
    if not scores:
        return f"{head}\n\nNothing is measured yet.\n"
    parts = [head, _distances(scores)]
    if any(score.lbfgs for score in scores):
        parts.append(_lbfgs(scores))
    parts += [_confusion(record, scores), how_measured(record)]
    return "\n\n".join(parts) + "\n"


def _distances(scores: list[StyleScore]) -> str:
    header = ["style", "photos", "style: network", "untouched", "painting"]
    header += ["content: network", "painting", "recognised"]
    rows = []
    for score in scores:
        numbers = [score.style_distance, score.untouched, score.painting_crop]
        numbers += [score.content_distance, score.painting_content]
        recognised = f"{score.recognised} of {score.photos}"
        rows.append([score.style, str(score.photos), *map(number_text, numbers), recognised])
    return markdown_table(header, rows)


def _lbfgs(scores: list[StyleScore]) -> str:
    header = ["style", "photos", "style: network", "L-BFGS", "content: network", "L-BFGS"]
    rows = []
    for score in scores:
        if score.lbfgs and score.network_there:
            pairs = zip(score.network_there, score.lbfgs, strict=True)
            numbers = [number_text(value) for pair in pairs for value in pair]
            rows.append([score.style, str(score.lbfgs_photos), *numbers])
    text = "Beside L-BFGS with the objective of the training, on the same photos:"
    return f"{text}\n\n{markdown_table(header, rows)}"


def _confusion(record: Record, scores: list[StyleScore]) -> str:
    names = [score.style for score in scores]
    rows = [[s.style, *(str(s.nearest.get(name, 0)) for name in names)] for s in scores]
    before = untouched_nearest(record)
    rows.append(["(untouched)", *(str(before.get(name, 0)) for name in names)])
    table = markdown_table(["painted as", *names], rows)
    return (
        f"Photos painted in the style of the row whose nearest painting is the column's:\n\n{table}"
    )
