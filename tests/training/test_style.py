"""Training a style: what it writes, what it learns, and what it refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from impasto.errors import OptionError, TrainingError
from impasto.events import Event, Notice, Saved, Skipped, Step, Validated
from impasto.models import load_style_model
from impasto.networks.loss import load_loss_network
from impasto.training import StyleTrainingConfig, run
from impasto.training.trainer import split_photos

MakeConfig = Callable[..., StyleTrainingConfig]


def test_a_run_writes_model_checkpoint_log_and_previews(make_config: MakeConfig) -> None:
    config = make_config(name="test style", artist="Nobody")
    events: list[Event] = []
    model_path = run(config, events.append)
    assert [event.iteration for event in events if isinstance(event, Step)] == list(range(1, 9))
    assert {path.name for path in config.output.iterdir()} == {
        "checkpoint.json",
        "checkpoint.safetensors",
        "log.jsonl",
        "model.safetensors",
        "preview.png",
        "previews",
    }
    with Image.open(config.output / "preview.png") as sheet:
        assert sheet.width > 100
    model = load_style_model(model_path)
    assert model.card["artist"] == "Nobody"
    assert model.card["trained"]["iterations"] == 8
    loss_network = load_loss_network(config.loss_network)
    assert model.card["trained"]["loss_network_hash"] == loss_network.weights_hash
    with torch.no_grad():
        assert model(torch.rand(1, 3, 20, 31)).shape == (1, 3, 20, 31)


def test_training_lowers_the_loss_on_held_out_photos(make_config: MakeConfig) -> None:
    config = make_config(iterations=40, validate_every=1, validation_count=1, crops=((1.0, 24),))
    events: list[Event] = []
    run(config, events.append)
    totals = [event.terms["total"] for event in events if isinstance(event, Validated)]
    assert totals[39] < 0.7 * totals[0]


def test_untouched_photos_have_no_content_error(make_config: MakeConfig) -> None:
    events: list[Event] = []
    run(make_config(), events.append)
    validated = [event for event in events if isinstance(event, Validated)]
    assert validated
    for event in validated:
        assert event.untouched["content"] == 0
        assert event.untouched["style"] > 0


def test_corrupt_photos_are_skipped_and_reported(make_config: MakeConfig) -> None:
    config = make_config()
    (config.photos / "3.png").write_bytes(b"not a picture")
    (config.photos / "empty.jpg").write_bytes(b"")
    events: list[Event] = []
    run(
        make_config(validation_photos=None, preview_photos=(config.photos / "1.png",)),
        events.append,
    )
    skipped = {event.path.name for event in events if isinstance(event, Skipped)}
    assert skipped == {"3.png", "empty.jpg"}


def test_a_folder_without_one_readable_photo_is_refused(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    with pytest.raises(TrainingError, match="no pictures below"):
        run(make_config(photos=folder))
    (folder / "a.jpg").write_bytes(b"zero")
    with pytest.raises(TrainingError, match="none of the 1 photos can be used"):
        run(make_config(photos=folder, validation_photos=None))


def test_an_infinite_loss_stops_training_and_keeps_the_last_good_checkpoint(
    make_config: MakeConfig,
) -> None:
    config = make_config(learning_rate=1e30, schedule="constant", clip_norm=0.0, checkpoint_every=1)
    with pytest.raises(TrainingError, match=r"lower `learning_rate`"):
        run(config)
    with safe_open(config.output / "checkpoint.safetensors", framework="pt") as stream:
        for name in stream.keys():  # noqa: SIM118
            if name.startswith("network."):
                assert torch.isfinite(stream.get_tensor(name)).all()


def test_other_options_in_the_same_folder_are_refused_by_name(make_config: MakeConfig) -> None:
    run(make_config())
    with pytest.raises(TrainingError, match=r"`style_weight` was 2.0, is 3.0"):
        run(make_config(style_weight=3.0))


def test_a_finished_run_is_not_trained_again(make_config: MakeConfig) -> None:
    run(make_config())
    events: list[Event] = []
    run(make_config(), events.append)
    assert not [event for event in events if isinstance(event, Step)]
    assert [event.kind for event in events if isinstance(event, Saved)] == ["model"]


def test_starting_from_another_style_starts_from_its_weights(make_config: MakeConfig) -> None:
    first = run(make_config())
    options = {"initial": str(first), "learning_rate": 1e-12, "iterations": 1}
    second = run(make_config(output=first.parent / "second", **options))
    one, other = (load_style_model(path).network.state_dict() for path in (first, second))
    for name in one:
        assert torch.allclose(one[name], other[name], atol=1e-3), name


def test_initial_weights_of_another_width_are_refused(make_config: MakeConfig) -> None:
    first = run(make_config())
    with pytest.raises(TrainingError, match="`initial`"):
        run(make_config(output=first.parent / "b", initial=str(first), width=0.25))


def test_several_style_images_are_weighted(make_config: MakeConfig) -> None:
    config = make_config()
    other = config.photos / "0.png"
    run(make_config(style=(config.style[0], other), style_image_weights=(1.0, 0.0), iterations=2))
    one = json.loads((config.output / "log.jsonl").read_text().splitlines()[0])
    run(make_config(output=config.output.parent / "single", iterations=2))
    single = (config.output.parent / "single" / "log.jsonl").read_text().splitlines()[0]
    assert one["terms"] == pytest.approx(json.loads(single)["terms"], rel=1e-5)


def test_advice_on_the_balance_comes_once_and_early(make_config: MakeConfig) -> None:
    events: list[Event] = []
    run(make_config(iterations=20, validation_photos=None, preview_every=0), events.append)
    notices = [event for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert notices[0].iteration == 6
    assert "style error" in notices[0].message


def test_epochs_set_the_iterations_by_the_number_of_photos(make_config: MakeConfig) -> None:
    events: list[Event] = []
    run(make_config(epochs=2.0), events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert steps[-1].iteration == 5  # 2 epochs of 5 photos, 2 a batch


@pytest.mark.parametrize(
    "options",
    [
        {"style": ()},
        {"style_weight": -1.0},
        {"style_weight": float("nan")},
        {"learning_rate": 0.0},
        {"crops": ((0.5, 128),)},
        {"crops": ((1.0, 4),)},
        {"schedule": "sawtooth"},
        {"precision": "int4"},
        {"iterations": 0},
        {"style_image_weights": (1.0, 2.0)},
        {"width": -1.0},
    ],
)
def test_nonsense_is_refused_before_anything_is_done(
    make_config: MakeConfig, options: dict[str, object]
) -> None:
    with pytest.raises(OptionError):
        make_config(**options)


def test_tensorboard_gets_the_run(make_config: MakeConfig) -> None:
    config = make_config(tensorboard=True, iterations=2)
    run(config)
    files = list((config.output / "tensorboard").glob("events.out.tfevents.*"))
    assert files
    assert files[0].stat().st_size > 200


def test_a_large_folder_lends_held_out_photos_that_are_never_trained_on(
    make_config: MakeConfig,
) -> None:
    config = make_config(validation_photos=None, validation_count=1)
    paths = [Path(f"{number:02d}.jpg") for number in range(30)]
    trained, held_out = split_photos(replace(config, validation_count=3), paths)
    assert [path.stem for path in held_out] == ["00", "10", "20"]
    assert sorted([*trained, *held_out]) == paths
    assert split_photos(replace(config, validation_count=4), paths) == (paths, [])


def test_previews_are_drawn_without_being_asked_for(make_config: MakeConfig) -> None:
    config = make_config(validation_photos=None, iterations=2, preview_every=1)
    (config.photos / "0.png").write_bytes(b"broken")
    run(config)
    assert len(list((config.output / "previews").glob("*.png"))) == 2


@pytest.mark.filterwarnings("ignore")  # of the compiler's own code
def test_compiled_training_learns_the_same(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # traced as for any compiler, but run as it is: compiling takes minutes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = {
        "precision": "bfloat16",
        "iterations": 2,
        "crops": ((1.0, 24),),
        "grid_weight": 1.0,
        "edge_weight": 1.0,
        "border_px": 2,
    }
    losses = []
    for compiled in (False, True):
        folder = make_config().output.with_name(f"compiled {compiled}")
        events: list[Event] = []
        run(make_config(output=folder, compile=compiled, **options), events.append)
        losses.append([event.loss for event in events if isinstance(event, Step)])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_crops_in_other_colours_are_trained_on_and_named_in_the_card(
    make_config: MakeConfig,
) -> None:
    options = {"iterations": 4, "preview_every": 0, "validate_every": 0, "seed": 1}
    losses = []
    for strength in (0.0, 1.0):
        folder = make_config().output.with_name(f"jitter {strength}")
        events: list[Event] = []
        path = run(make_config(output=folder, color_jitter=strength, **options), events.append)
        losses.append([event.loss for event in events if isinstance(event, Step)])
        found = load_style_model(path).card["trained"].get("color_jitter")
        assert found == (strength or None)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(make_config: MakeConfig, strength: float) -> None:
    with pytest.raises(OptionError, match="`color_jitter`"):
        make_config(color_jitter=strength)
