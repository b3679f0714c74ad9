"""`impasto reproduce` as it is typed; what it measures is tested beside the evaluation."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.cli.reproduce import _iterations, _sizes
from impasto.errors import OptionError

RUNNER = CliRunner()
SAMPLE = str(Path(__file__).parents[2] / "docs" / "sample")


def reproduce(*words: str) -> Any:
    return RUNNER.invoke(app, ["reproduce", *words])


def test_iterations_are_one_number_or_one_by_size() -> None:
    assert _iterations("200") == {0: 200}
    assert _iterations("256:200,512:100") == {256: 200, 512: 100}
    assert _sizes("256, 512") == (256, 512)
    for text in ("", "a", "256:", "-1", "1.5"):
        with pytest.raises(OptionError, match="whole numbers"):
            _iterations(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["figure3"], "no reproduction 'figure3'; choose from features, styles"),
        (["speed,"], "wanted names with commas between them"),
        (["speed", "--layers", "a"], "--layers is not for speed"),
        (["speed", "--sizes", "x"], "wanted whole numbers"),
        (["sheet", "--sizes", "256,512"], "the sheet has one size"),
        (["objective", "--baseline", "adam"], "no baseline 'adam'"),
        (["objective,speed", "--count", "3"], "--count means another thing for each"),
        (["objective", "--styles", "starry-nite", "--photos", SAMPLE], "no style 'starry-nite'"),
        (["superres", "--model", "pixel"], "wanted ROLE=FILE"),
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
