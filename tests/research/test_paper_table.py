"""Our figures beside the paper's, and whether they say the same."""

from typing import Any

from impasto.evaluation.results import Results, Row
from research.paper_table import (
    CONTENDERS,
    PAPER,
    contenders,
    paper_table,
    paper_table_markdown,
)

# role -> PSNR, distance
AS_THE_PAPER = {
    "bicubic": (28.43, 0.16),
    "pixel": (29.5, 0.15),
    "srcnn": (30.3, 0.12),
    "feature": (27.5, 0.09),
}


def measured(scores: dict[str, tuple[float, float]], factor: int = 4) -> Results:
    distances = [{"name": "d", "label": "Distance"}]
    results = Results(measured={"factor": factor, "distances": distances})
    results.register_models({role: {"weights_sha256": None} for role in scores})
    results.register_set("set5", ["a"], known=5)
    for role, (psnr, distance) in scores.items():
        results.add(
            Row(
                set="set5",
                image="a",
                model=role,
                image_sha256="1",
                weights_sha256=None,
                psnr=psnr,
                ssim=0.8,
                distances={"d": distance},
                seconds=1,
                megapixels=1,
                environment=0,
            )
        )
    return results


def claims(table: dict[str, Any]) -> dict[str, bool]:
    return {claim["claim"]: claim["holds"] for claim in table["claims"]}


def test_the_papers_orderings_are_confirmed_where_they_come_out() -> None:
    table = paper_table({(4, "standard"): measured(AS_THE_PAPER)})
    assert claims(table) == {
        "factor 4, standard: the feature loss loses PSNR to the pixel loss": True,
        "factor 4, standard: the feature loss is nearer by d": True,
        "SRCNN at factor 4 on set5 is within 0.3 dB of 30.49 dB": True,
    }


def test_what_does_not_come_out_is_not_hidden() -> None:
    other = AS_THE_PAPER | {"feature": (29.6, 0.2), "srcnn": (30.1, 0.1)}
    table = paper_table({(4, "standard"): measured(other)})
    assert set(claims(table).values()) == {False}
    text = paper_table_markdown(table)
    assert text.count("- NO: ") == 3
    assert "set5 +0.10 dB" in text


def test_nothing_is_claimed_about_what_was_not_measured() -> None:
    table = paper_table({(8, "blur"): measured({"bicubic": (24.3, 0.3)}, factor=8)})
    assert table["claims"] == []
    assert len(table["cells"]) == 1


def test_the_table_sets_ours_beside_the_papers() -> None:
    results = {
        (4, "standard"): measured(AS_THE_PAPER | {"modern-pixel": (31.5, 0.1)}),
        (4, "blur"): measured({"bicubic": (27.91, 0.17)}),
    }
    table = paper_table_markdown(paper_table(results))
    (bicubic,) = (line for line in table.splitlines() if line.startswith("| bicubic"))
    assert [cell.strip() for cell in bicubic.strip("|").split("|")] == [
        "bicubic",
        "set5",
        "28.43 / 0.8114",
        "28.43 / 0.8000",
        "27.91 / 0.8000",
        "0.1600",
    ]
    (modern,) = (line for line in table.splitlines() if line.startswith("| modern, pixel"))
    assert [cell.strip() for cell in modern.strip("|").split("|")][2] == "-"


def test_every_row_of_the_papers_table_has_a_contender() -> None:
    for (factor, name), scores in PAPER.items():
        assert set(scores) <= {contender.role for contender in contenders(factor)}, name
    assert {c.role for c in CONTENDERS if c.factors == (4,)} == {
        "srcnn",
        "modern-pixel",
        "modern-perceptual",
    }


def test_the_paper_says_itself_what_we_check() -> None:
    for scores in PAPER.values():
        assert scores["feature"][0] < scores["pixel"][0]
