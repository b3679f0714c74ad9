"""`impasto evaluate style` as Markdown: distances, baselines, and who is nearest to whom."""

from impasto.evaluation.record import Record
from impasto.evaluation.record_notes import how_measured
from impasto.evaluation.style_summary import StyleScore, style_scores, untouched_nearest
from impasto.evaluation.tables import markdown_table


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
    rows = [
        [
            score.style,
            str(score.photos),
            f"{score.style_distance:.3f}",
            f"{score.untouched:.3f}",
            "-" if score.painting_crop is None else f"{score.painting_crop:.3f}",
            f"{score.content_distance:.3f}",
            f"{score.painting_content:.3f}",
            f"{score.recognised} of {score.photos}",
        ]
        for score in scores
    ]
    return markdown_table(header, rows)


def _lbfgs(scores: list[StyleScore]) -> str:
    header = ["style", "photos", "style: network", "L-BFGS", "content: network", "L-BFGS"]
    rows = [
        [
            score.style,
            str(score.lbfgs_photos),
            f"{score.network_there[0]:.3f}",
            f"{score.lbfgs[0]:.3f}",
            f"{score.network_there[1]:.3f}",
            f"{score.lbfgs[1]:.3f}",
        ]
        for score in scores
        if score.lbfgs and score.network_there
    ]
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
