"""`python -m research` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from impasto.errors import OptionError
from impasto.evaluation.record import open_record, read_record
from research.__main__ import app
from research.reproductions import iterations_of

RUNNER = CliRunner()
SAMPLE = str(Path(__file__).parents[2] / "docs" / "sample")


def reproduce(*words: str) -> Any:
    return RUNNER.invoke(app, ["reproduce", *words])


def test_iterations_are_one_number_or_one_by_size() -> None:
    assert iterations_of("200") == {0: 200}
    assert iterations_of("256:200,512:100") == {256: 200, 512: 100}
    for text in ("", "a", "256:", "1.5"):
        with pytest.raises(OptionError, match="whole numbers"):
            iterations_of(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["figure3"], "no reproduction 'figure3'; choose from features, styles"),
        (["speed,"], "wanted names with commas between them"),
        (["speed", "--layers", "a"], "--layers is not for speed"),
        (["speed", "--sizes", "x"], "--sizes: got 'x'"),
        (["sheet", "--sizes", "256,512"], "--sizes (256, 512): its pictures have one size"),
        (
            ["objective", "--baseline", "adam"],
            "--baseline: got 'adam'; choose from none, torch, network",
        ),
        (["objective,speed", "--count", "3"], "--count means another thing for each"),
        (["objective", "--styles", "starry-nite", "--photos", SAMPLE], "no style 'starry-nite'"),
        (["superres", "--model", "pixel"], "--model 'pixel': wanted ROLE=FILE"),
        (["superres", "--model", "srcnn-x8=a"], "choose from"),
        (["objective", "--precision", "int4"], "--precision: got 'int4'; choose from auto"),
    ],
)
def test_nonsense_is_refused_before_anything(
    words: list[str], message: str, tmp_path: Path
) -> None:
    done = reproduce(*words, "-o", str(tmp_path / "out"))
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_photos_and_paintings_that_are_missing_are_told_by_option(
    tmp_path: Path, shared_data: Path
) -> None:
    del shared_data  # the held-out photos lie there
    out = str(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    words = ["objective", "--styles", "starry-night", "-o", out]
    done = reproduce(*words, "--paintings", str(tmp_path / "empty"))
    assert done.exit_code == 2
    assert "none of its 0 pictures is the file that starry-night was trained on" in done.stderr
    done = reproduce(*words, "--photos", str(tmp_path / "empty"))
    assert done.exit_code == 2
    assert "no pictures in this folder" in done.stderr


def test_features_of_a_photo_are_measured_drawn_and_kept(tmp_path: Path, shared_data: Path) -> None:
    del shared_data  # the loss network lies there
    photo = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"
    words = ["features", "--content", str(photo), "--sizes", "64", "--iterations", "3"]
    words += ["--layers", "relu1_1,relu2_1", "-o", str(tmp_path), "--device", "cpu"]
    done = reproduce(*words)
    assert done.exit_code == 0, done.output
    assert "this will take about" in done.stderr
    assert "# Feature reconstruction by layer" in done.stdout
    for name in ("features.json", "features.md", "features.png"):
        assert str(tmp_path / name) in done.stdout
    record = json.loads((tmp_path / "features.json").read_text(encoding="utf-8"))
    assert len(record["entries"]) == 3
    assert record["environments"][0]["torch"]
    again = reproduce(*words)
    assert again.exit_code == 0
    assert "this will take about" not in again.stderr
    assert json.loads((tmp_path / "features.json").read_text(encoding="utf-8")) == record
    drawn = RUNNER.invoke(
        app, ["figures", str(tmp_path / "features.json"), "-o", str(tmp_path / "f")]
    )
    assert drawn.exit_code == 0
    assert (tmp_path / "f" / "features.png").read_bytes() == (
        tmp_path / "features.png"
    ).read_bytes()


def test_parts_of_a_reproduction_are_joined_and_drawn(tmp_path: Path) -> None:
    parts = []
    for px in (256, 512):
        record = open_record(tmp_path / f"{px}.json", "speed", {"passes": 3}, overwrite=False)
        record.entries[f"{px} px"] = {"of": {"size_px": px}, "environment": 0}
        record.environments.append({"processor": "a"})
        record.save()
        parts.append(str(record.path))
    refused = RUNNER.invoke(app, ["figures", *parts, "--join"])
    assert refused.exit_code == 2
    assert "--output FOLDER" in refused.stderr
    RUNNER.invoke(app, ["figures", *parts, "--join", "-o", str(tmp_path / "all")])
    assert list(read_record(tmp_path / "all" / "speed.json").entries) == ["256 px", "512 px"]


def test_figures_of_something_else_are_refused(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["figures", str(tmp_path / "nothing.json")])
    assert done.exit_code == 2
    assert "no such file" in done.stderr


def test_it_runs_as_a_module_from_the_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "research", "reproduce", "--help"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--baseline" in done.stdout
