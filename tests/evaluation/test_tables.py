"""Results as Markdown."""

import math
from dataclasses import replace

from impasto.evaluation.environment import number_of
from impasto.evaluation.results import Results, Row
from impasto.evaluation.tables import markdown_table, results_table

ROW = Row(
    set="set5",
    image="a",
    model="bicubic",
    image_sha256="1",
    weights_sha256=None,
    psnr=28.434,
    ssim=0.81134,
    distances={"d": 0.25},
    seconds=1.0,
    megapixels=2.0,
    environment=0,
)
DISTANCE = {
    "name": "d",
    "label": "Distance",
    "backbone": "net",
    "backbone_sha256": "0123456789abcdef",
    "heads": "all 1",
}


def results(*rows: Row, images: tuple[str, ...] = ("a",)) -> Results:
    protocol = {"name": "standard", "shave_px": 4}
    found = Results(measured={"factor": 4, "protocol": protocol, "distances": [DISTANCE]})
    run = {"processor": "CPU", "device": "cpu", "threads": 1, "torch": "2", "impasto": "1"}
    number_of(found.environments, run)
    models = dict.fromkeys(row.model for row in rows)
    found.register_models({model: {"weights_sha256": None} for model in models})
    found.register_set("set5", list(images), known=5)
    for row in rows:
        found.add(row)
    return found


def line_of(table: str, start: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {start} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_means_stand_in_the_table_and_the_best_in_bold() -> None:
    better = replace(ROW, model="net", psnr=31.9, ssim=0.9, distances={"d": 0.3}, seconds=4.0)
    table = results_table(results(ROW, better))
    assert line_of(table, "bicubic") == ["bicubic", "28.43", "0.8113", "**0.2500**", "0.5"]
    assert line_of(table, "net") == ["net", "**31.90**", "**0.9000**", "0.3000", "2"]
    assert "protocol `standard`" in table
    assert "shave px: 4" in table
    assert "sha256 0123456789ab" in table


def test_the_cost_of_matching_colours_is_told() -> None:
    matched = replace(ROW, model="net+histogram", psnr=30.5, ssim=0.88, distances={"d": 0.2})
    found = results(ROW, replace(ROW, model="net", psnr=31.0, ssim=0.9), matched)
    found.models["net+histogram"]["color_match"] = "histogram"
    table = results_table(found)
    costs = table[table.index("## What matching the colours changes") :]
    expected = ["net", "set5", "histogram", "-0.50", "-0.0200", "-0.0500"]
    assert line_of(costs, "net") == expected
    assert "matching the colours" not in results_table(results(ROW))


def test_models_measured_on_fewer_images_are_told_apart() -> None:
    rows = (ROW, replace(ROW, image="b"), replace(ROW, model="net"))
    table = results_table(results(*rows, images=("a", "b")))
    assert line_of(table, "bicubic")[-1] == "2"
    assert line_of(table, "net")[-1] == "1"


def test_failures_and_images_that_are_not_genuine_are_listed() -> None:
    found = results(ROW)
    found.failures.append({"set": "set5", "image": "b", "model": None, "reason": "no picture"})
    table = results_table(found)
    assert "- set5/b: no picture" in table
    assert "set5: not the genuine images" in table


def test_an_infinite_psnr_has_its_sign() -> None:
    assert line_of(results_table(results(replace(ROW, psnr=math.inf))), "bicubic")[1] == "∞"


def test_a_markdown_table_is_padded_and_aligned() -> None:
    assert markdown_table(["a", "b"], [["long", "1"], ["x", "222"]]).splitlines() == [
        "| a    |   b |",
        "| :--- | --: |",
        "| long |   1 |",
        "| x    | 222 |",
    ]
