"""Going on where an evaluation stopped: what is kept, and what is measured again."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import OptionError
from impasto.evaluation import evaluate_superres
from impasto.events import Cancelled, CancelToken, Event, Scored
from impasto.media import read_picture

MakeModel = Callable[..., Path]


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
