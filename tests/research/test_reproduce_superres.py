"""The whole table, made of tiny models on a tiny set."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto.errors import ModelError, OptionError
from impasto.events import Event, Scored
from impasto.media import write_picture
from research.figures import draw_figures
from research.paper_table import CONTENDERS, plan_superres, reproduce_superres
from research.reproductions import Reproduction

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
