"""The results file: what goes in comes out, and what does not belong together is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from impasto.errors import OptionError
from impasto.evaluation.environment import machine_lines, number_of
from impasto.evaluation.results import Results, Row, mean_of, open_results, read_results

MEASURED = {"task": "superres", "factor": 4, "protocol": {"name": "standard"}, "distances": []}
ROW = Row(
    set="s",
    image="a",
    model="m",
    image_sha256="1",
    weights_sha256="w",
    psnr=30.0,
    ssim=0.5,
    distances={"d": 0.25},
    seconds=2.0,
    megapixels=0.5,
    environment=0,
    crop={"file": "x.png", "sha256": "y"},
)


def filled(*rows: Row) -> Results:
    results = Results(measured=MEASURED)
    number_of(results.environments, {"torch": "2"})
    results.register_models({"m": {"weights_sha256": "w"}, "n": {"weights_sha256": None}})
    results.register_set("s", ["a", "b"], known=None)
    for row in rows:
        results.add(row)
    return results


def test_results_survive_the_file(tmp_path: Path) -> None:
    results = filled(ROW, replace(ROW, image="b", psnr=math.inf))
    results.failures.append({"set": "s", "image": "b", "model": "n", "reason": "why"})
    results.save(tmp_path / "deep" / "r.json")
    assert read_results(tmp_path / "deep" / "r.json") == results


def test_the_file_is_strict_json_and_infinity_is_null(tmp_path: Path) -> None:
    filled(replace(ROW, psnr=math.inf)).save(tmp_path / "r.json")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    found = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert found["rows"][0]["psnr"] is None


def test_means_are_means_and_times_medians() -> None:
    rows = [
        replace(ROW, psnr=30, ssim=0.2, distances={"d": 0.1}, seconds=1, megapixels=1),
        replace(ROW, psnr=33, ssim=0.6, distances={"d": 0.4}, seconds=9, megapixels=1),
        replace(ROW, psnr=math.inf, ssim=1, distances={"d": 0.1}, seconds=1, megapixels=0.5),
    ]
    mean = mean_of(rows)
    assert mean.images == 3
    assert mean.psnr == pytest.approx(31.5)  # an infinite one cannot be averaged
    assert mean.ssim == pytest.approx(0.6)
    assert mean.distances["d"] == pytest.approx(0.2)
    assert mean.seconds_per_megapixel == 2


def test_equal_environments_share_a_number() -> None:
    results = filled()
    assert number_of(results.environments, {"torch": "3"}) == 1
    assert number_of(results.environments, {"torch": "2"}) == 0
    assert len(results.environments) == 2


def test_rows_of_other_weights_vanished_images_and_changed_images_are_dropped() -> None:
    kept = [ROW, replace(ROW, image="b"), replace(ROW, model="n", weights_sha256=None)]
    retrained = filled(*kept)
    retrained.register_models({"m": {"weights_sha256": "new"}})
    assert list(retrained.rows) == [("s", "a", "n")]
    smaller = filled(*kept)
    smaller.register_set("s", ["a"], known=None)
    assert list(smaller.rows) == [("s", "a", "m"), ("s", "a", "n")]
    changed = filled(*kept)
    changed.register_image("s", 0, {"name": "a", "pixels_sha256": "2"})
    assert list(changed.rows) == [("s", "b", "m")]


def test_results_of_the_same_measurement_go_on_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert open_results(path, MEASURED, overwrite=False).rows == {}
    filled(ROW).save(path)
    assert list(open_results(path, MEASURED, overwrite=False).rows) == [ROW.key]
    assert open_results(path, MEASURED, overwrite=True).rows == {}
    other = {**MEASURED, "protocol": {"name": "blur"}}
    with pytest.raises(OptionError, match=r"another measurement \(protocol\)"):
        open_results(path, other, overwrite=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "no results of `impasto evaluate`"),
        ('{"format": "something"}', "'something'"),
        ('{"format": "impasto-evaluation-1", "rows": [{"psnr": 1}]}', "damaged"),
        ('{"format": "impasto-evaluation-1", "rows": 3}', "damaged"),
    ],
)
def test_other_files_are_refused_and_left_alone(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        open_results(path, MEASURED, overwrite=False)
    assert path.read_text() == text


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        filled().save(tmp_path / "file" / "r.json")


def test_the_machines_of_a_table_name_their_graphics_card() -> None:
    cpu = {"processor": "P", "device": "cpu", "threads": 1, "torch": "2", "impasto": "1"}
    other = {**cpu, "platform": "another"}
    card = {**cpu, "device": "cuda", "threads": 4, "accelerator": "G"}
    assert machine_lines([cpu, other, card]) == [
        "- on P, cpu, 1 thread, torch 2, impasto 1",
        "- on P, cuda (G), 4 threads, torch 2, impasto 1",
    ]
