"""The evaluation: what it measures, keeps, survives and refuses, and how it goes on."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import ModelError, OptionError
from impasto.evaluation import (
    PerceptualDistance,
    SuperResEvaluation,
    evaluate_superres,
    find_protocol,
    read_results,
)
from impasto.evaluation.methods import Method
from impasto.events import Cancelled, CancelToken, Event, Failed, Notice, Progress, Scored
from impasto.media import imresize, read_picture, write_picture

MakeModel = Callable[..., Path]


def test_rows_hold_the_protocols_scores(setup: Any) -> None:
    found = setup.run()
    assert len(found["rows"]) == 6
    protocol = find_protocol("standard")
    high_res = protocol.cropped(read_picture(setup.folder / "b.png").pixels, 2)
    output = imresize(protocol.low_res(high_res, 2), (48, 40)).clamp(0, 1)
    expected = protocol.scores(output, high_res, 2, gray=False)
    (row,) = (r for r in found["rows"] if r["image"] == "b" and r["model"] == "bicubic")
    assert row["psnr"] == expected.psnr
    assert row["ssim"] == expected.ssim
    assert row["seconds"] > 0
    assert row["megapixels"] == 48 * 40 / 1e6


def test_the_file_names_protocol_versions_machine_images_and_weights(
    setup: Any, make_model: MakeModel
) -> None:
    found = setup.run(models=("bicubic", str(make_model("net", degradation="standard"))))
    assert found["measured"]["protocol"] == find_protocol("standard").to_json(2)
    assert found["environments"][0]["torch"] == torch.__version__
    assert {"impasto", "python", "processor", "threads", "device"} <= set(found["environments"][0])
    image = found["sets"]["tiny"]["images"][0]
    assert image["size_hw"] == [48, 40]
    assert len(image["pixels_sha256"]) == 64
    assert found["models"]["bicubic"]["weights_sha256"] is None
    assert len(found["models"]["net"]["weights_sha256"]) == 64
    assert found["models"]["net"]["trained_degradation"] == "standard"


def test_distances_are_of_the_shaved_rounded_colours(
    setup: Any, toy_distances: list[PerceptualDistance]
) -> None:
    found = setup.run(models=("bicubic",))
    protocol = find_protocol("standard")
    high_res = protocol.cropped(read_picture(setup.folder / "a.png").pixels, 2)
    output = imresize(protocol.low_res(high_res, 2), (48, 40)).clamp(0, 1)
    rounded = (output * 255).round() / 255
    expected = toy_distances[0](rounded[..., 2:-2, 2:-2], high_res[..., 2:-2, 2:-2])
    assert found["rows"][0]["distances"]["toy"] == pytest.approx(float(expected), abs=1e-7)
    assert found["measured"]["distances"][0]["backbone_sha256"] == "0" * 64


def test_one_bad_image_does_not_end_the_run(setup: Any) -> None:
    (setup.folder / "b.png").write_bytes(b"no picture")
    found = setup.run()
    assert [(f["image"], f["model"]) for f in found["failures"]] == [("b", None)]
    assert "b.png" in found["failures"][0]["reason"]
    assert [mean["images"] for mean in found["means"]] == [2, 2]
    failed = [event for event in setup.events if isinstance(event, Failed)]
    assert [event.name for event in failed] == ["tiny/b"]
    place = setup.events.index(failed[0])
    assert setup.events[place + 1] == Progress(task="images", done=4, total=6)


def test_an_image_too_small_to_be_judged_fails_alone(setup: Any) -> None:
    write_picture(setup.folder / "d.png", torch.rand(1, 3, 12, 12))
    found = setup.run()
    assert {f["image"] for f in found["failures"]} == {"d"}
    assert "11 px a side" in found["failures"][0]["reason"]
    assert len(found["rows"]) == 6


def test_a_model_that_breaks_on_an_image_fails_there_only(
    setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def fragile(low_res: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        output = nn.functional.interpolate(low_res, scale_factor=2)
        if calls == 3:  # warm-up, a, then b
            raise RuntimeError("out of memory")
        return output * float("nan") if calls == 4 else output

    method = Method(name="fragile", enlarge=fragile, facts={"weights_sha256": None})
    monkeypatch.setattr(
        "impasto.evaluation.superres_evaluation.find_methods", lambda *_, **__: [method]
    )
    found = setup.run()
    reasons = {failure["image"]: failure["reason"] for failure in found["failures"]}
    assert reasons["b"] == "RuntimeError: out of memory"
    assert "NaN" in reasons["c"]
    assert [row["image"] for row in found["rows"]] == ["a"]


def test_whole_outputs_are_saved_where_asked(setup: Any, tmp_path: Path) -> None:
    found = setup.run(models=("bicubic",), save_images=tmp_path / "saved")
    saved = sorted((tmp_path / "saved" / "tiny").iterdir())
    assert [path.name for path in saved] == [f"{name}-bicubic-x2.png" for name in "abc"]
    protocol = find_protocol("standard")
    high_res = read_picture(setup.folder / "a.png").pixels
    scores = protocol.scores(read_picture(saved[0]).pixels, high_res, 2, gray=False)
    assert scores.psnr == found["rows"][0]["psnr"]


def test_colour_matches_are_rows_of_their_own(setup: Any, make_model: MakeModel) -> None:
    path = str(make_model("net"))
    found = setup.run(models=("bicubic", path), color_matches=("none", "histogram"))
    assert list(found["models"]) == ["bicubic", "net", "net+histogram"]
    assert found["models"]["net+histogram"]["color_match"] == "histogram"
    psnr = {mean["model"]: mean["psnr"] for mean in found["means"]}
    assert psnr["net"] != psnr["net+histogram"]


def test_sets_that_only_bear_a_known_name_are_pointed_out(setup: Any, tmp_path: Path) -> None:
    setup.folder.rename(tmp_path / "set5")
    found = setup.run(sets=("set5",), data=tmp_path)
    notices = [event.message for event in setup.events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "not the genuine set5: 0 of its 5 images, and 3 others" in notices[0]
    assert found["sets"]["set5"]["images"][0]["genuine"] is False


def test_repeats_give_the_median_time(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(math.inf if t is None else t for t in [0, 1, 10, 15, 20, 22] * 9)
    monkeypatch.setattr(
        "impasto.evaluation.superres_evaluation.time.perf_counter", lambda: next(clock)
    )
    found = setup.run(models=("bicubic",), repeats=3)
    assert [row["seconds"] for row in found["rows"]] == [2, 2, 2]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"models": ("bicubic", "nope")}, ModelError, "nope"),
        ({"models": ()}, OptionError, "no models"),
        ({"protocol": "psnr"}, OptionError, "no protocol"),
        ({"factor": 5}, OptionError, r"no factor 5; choose from \[2, 3, 4, 8\]"),
        ({"sets": ("set5", "nowhere")}, OptionError, "nowhere"),
        ({"sets": ()}, OptionError, "no sets"),
        ({"distances": ("nope",)}, OptionError, "no distances"),
        ({"color_matches": ("sepia",)}, OptionError, "sepia"),
        ({"crops": -1}, OptionError, "crops"),
        ({"repeats": 0}, OptionError, "repeats"),
        ({"device": "gpu"}, OptionError, "gpu"),
        ({"output": Path("results.txt")}, OptionError, r"\.json"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(
    setup: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    (setup.folder.parent / "set5").mkdir()
    (setup.folder.parent / "set5" / "a.png").write_bytes((setup.folder / "a.png").read_bytes())
    with pytest.raises(error, match=message):
        setup.run(data=setup.folder.parent, **options)
    assert not setup.output.exists()


def test_an_output_that_cannot_be_written_is_told_before_the_first_image(
    setup: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        setup.run(output=tmp_path / "file" / "r.json")
    assert setup.events == []


def test_bicubic_on_set5_comes_out_golden(shared_data: Path, tmp_path: Path) -> None:
    config = SuperResEvaluation(
        models=("bicubic",),
        sets=("set5",),
        output=tmp_path / "r.json",
        data=shared_data,
        distances=("none",),
    )
    evaluate_superres(config)
    (mean,) = read_results(config.output).means()
    assert mean.psnr == pytest.approx(28.43, abs=0.01)
    assert mean.ssim == pytest.approx(0.8113, abs=0.0005)


def test_a_second_run_keeps_every_row_and_measures_none(setup: Any) -> None:
    before = setup.run()
    after = setup.run()
    assert setup.kept() == [True] * 6
    assert after == before


def test_an_interrupted_run_goes_on_where_it_stopped(setup: Any) -> None:
    cancel, scored = CancelToken(), list[Event]()

    def interrupt(event: Event) -> None:
        scored.extend([event] if isinstance(event, Scored) else [])
        if len(scored) == 4:
            cancel.cancel()

    with pytest.raises(Cancelled):
        evaluate_superres(setup.config(), interrupt, cancel)
    first = setup.read()
    assert len(first["rows"]) == 4
    found = setup.run()
    assert setup.kept() == [True] * 4 + [False] * 2
    assert [row for row in found["rows"] if row in first["rows"]] == first["rows"]
    assert len(found["rows"]) == 6


def test_models_can_be_added_to_results_later(setup: Any) -> None:
    setup.run(models=("bicubic",))
    found = setup.run(models=("bilinear",))
    assert {mean["model"] for mean in found["means"]} == {"bicubic", "bilinear"}
    assert [mean["images"] for mean in found["means"]] == [3, 3]


def test_new_weights_and_changed_images_are_measured_again(
    setup: Any, make_model: MakeModel
) -> None:
    path = str(make_model("net", seed=0))
    setup.run(models=("bicubic", path))
    make_model("net", seed=1)
    setup.run(models=("bicubic", path))
    assert setup.kept() == [True, False] * 3
    (setup.folder / "a.png").write_bytes((setup.folder / "b.png").read_bytes())
    setup.run(models=("bicubic", path))
    assert setup.kept() == [False, False, True, True, True, True]


def test_overwrite_measures_all_again(setup: Any) -> None:
    setup.run()
    setup.run(overwrite=True)
    assert setup.kept() == [False] * 6


def test_another_protocol_does_not_go_into_the_same_file(setup: Any) -> None:
    before = setup.run()
    with pytest.raises(OptionError, match="another measurement"):
        setup.run(protocol="rgb")
    assert setup.read() == before


def test_what_failed_is_tried_again_and_forgotten_when_it_works(setup: Any) -> None:
    good = (setup.folder / "b.png").read_bytes()
    (setup.folder / "b.png").write_bytes(b"")
    assert setup.run()["failures"]
    (setup.folder / "b.png").write_bytes(good)
    found = setup.run()
    assert found["failures"] == []
    assert setup.kept() == [True, True, False, False, True, True]


def test_crops_are_kept_beside_the_results_and_made_again_if_lost(setup: Any) -> None:
    found = setup.run(crops=2)
    with_crop = [row for row in found["rows"] if row["crop"]]
    assert {row["image"] for row in with_crop} == {"a", "c"}
    path = setup.output.parent / with_crop[0]["crop"]["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == with_crop[0]["crop"]["sha256"]
    box = found["sets"]["tiny"]["images"][0]["crop"]["box"]
    original = read_picture(setup.folder / "a.png").pixels
    kept = found["sets"]["tiny"]["images"][0]["crop"]["high_res"]["file"]
    part = original[..., box["top"] : box["top"] + box["height"], : box["left"] + box["width"]]
    assert torch.equal(read_picture(setup.output.parent / kept).pixels, part[..., box["left"] :])
    path.unlink()
    setup.run(crops=2)
    assert setup.kept() == [False, True, True, True, True, True]
    assert path.is_file()
