"""Our figures beside the paper's; the whole table, made of tiny models on a tiny set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import ModelError, OptionError
from impasto.evaluation.results import Results, Row
from impasto.events import Event, Scored
from impasto.media import write_picture
from research.figures import draw_figures
from research.paper_table import (
    CONTENDERS,
    PAPER,
    contenders,
    paper_table,
    paper_table_markdown,
    plan_superres,
    reproduce_superres,
)
from research.reproductions import Reproduction

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


MakeModel = Callable[..., Path]
ROLES = [f"{c.role}-x{f}" for c in CONTENDERS for f in c.factors if c.role != "bicubic"]


@pytest.fixture
def reproduction(tmp_path: Path, make_model: MakeModel) -> Reproduction:
    """Set5 is one image; every network of the table one of random weights."""
    write_picture(tmp_path / "data" / "set5" / "a.png", torch.rand(1, 3, 48, 48))
    models = tuple(
        f"{role}={make_model(role, seed=seed, factor=int(role[-1]))}"
        for seed, role in enumerate(ROLES)
    )
    return Reproduction(
        output=tmp_path / "table",
        sets=("set5",),
        data=tmp_path / "data",
        distances=("none",),
        models=models,
    )


def test_json_table_and_figures_are_written_and_a_second_run_measures_nothing(
    reproduction: Reproduction,
) -> None:
    path = reproduce_superres(plan_superres(reproduction))
    files = [path, *draw_figures(path, path.parent)]
    names = [path.name for path in files]
    assert names[:2] == ["superres.json", "superres.md"]
    for stem in ("x4-standard", "x4-blur", "x8-standard", "x8-blur"):
        assert {f"{stem}.md", f"{stem}-crops-set5.png"} <= set(names)
    assert all(path.is_file() for path in files)
    table = json.loads(files[0].read_text(encoding="utf-8"))
    assert len(table["cells"]) == 6 + 3
    assert table["cells"][0]["paper"] == {"psnr": 28.43, "ssim": 0.8114}
    assert set(table["cells"][0]["ours"]) == {"standard", "blur"}
    assert "| SRCNN" in files[1].read_text(encoding="utf-8")

    events: list[Event] = []
    before = [path.read_bytes() for path in files]
    reproduce_superres(plan_superres(reproduction), events.append)
    scored = [event for event in events if isinstance(event, Scored)]
    assert len(scored) == 2 * 6 + 2 * 3
    assert all(event.kept for event in scored)
    assert [path.read_bytes() for path in files] == before


def test_a_missing_model_is_told_before_anything_is_measured(
    reproduction: Reproduction,
) -> None:
    model = next(text for text in reproduction.models if text.startswith("feature-x8"))
    Path(model.partition("=")[2]).unlink()
    with pytest.raises(ModelError, match="feature-x8"):
        reproduce_superres(plan_superres(reproduction))
    assert not reproduction.output.exists()


def test_unknown_roles_and_a_file_for_a_folder_are_refused(tmp_path: Path) -> None:
    for text, message in (("srcnn-x8=file", "choose from"), ("pixel", "wanted ROLE=FILE")):
        with pytest.raises(OptionError, match=message):
            plan_superres(Reproduction(output=tmp_path / "out", models=(text,)))
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="wanted a folder"):
        Reproduction(output=tmp_path / "file")
