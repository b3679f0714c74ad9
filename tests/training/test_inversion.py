"""Training a decoder of features: what it writes, learns, resumes and refuses."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from impasto.errors import OptionError, TrainingError
from impasto.events import Event, Step, Validated
from impasto.models.inversion_model import load_inversion_model
from impasto.networks.loss import load_loss_network
from impasto.training import InversionTrainingConfig, read_recipe, run

MakeConfig = Callable[..., InversionTrainingConfig]


class Stop(Exception):  # noqa: N818
    """Stands for any sudden end."""


@pytest.fixture
def make(tmp_path: Path, loss_network_file: Path) -> MakeConfig:
    """Eight cheap iterations; keyword arguments override."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        noise = Image.effect_noise((6, 5), 90 + number)
        noise.resize((44, 40)).convert("RGB").save(photos / f"{number}.png")

    def config(**options: Any) -> InversionTrainingConfig:
        settings: dict[str, Any] = {
            "photos": photos,
            "output": tmp_path / "run",
            "loss_network": str(loss_network_file),
            "layer": "relu1_1",
            "width": 0.125,
            "blocks": 1,
            "crop_px": 32,
            "shift_px": 4,
            "iterations": 8,
            "batch_size": 2,
            "threads": 1,
            "workers": 0,
            "log_every": 1,
            "checkpoint_every": 2,
            "preview_every": 8,
            "validate_every": 8,
            "validation_photos": photos,
            "validation_count": 2,
        }
        return InversionTrainingConfig(**{**settings, **options})

    return config


def test_a_run_writes_model_checkpoint_log_and_previews(make: MakeConfig) -> None:
    config = make(name="seen", tv_weight=0.1, layer="relu1_2", iterations=4, preview_every=4)
    events: list[Event] = []
    path = run(config, events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.iteration for step in steps] == [1, 2, 3, 4]
    assert set(steps[0].terms) == {"content", "pixel", "tv", "grid"}
    written = {each.name for each in config.output.iterdir()}
    assert {"checkpoint.safetensors", "log.jsonl", "preview.png", "previews"} <= written
    model = load_inversion_model(path)
    network = load_loss_network(config.loss_network)
    assert model.name == "seen"
    assert (model.config.channels, model.config.stride) == (64, 1)
    assert model.config.weights_hash == network.weights_hash
    assert model.card["trained"]["iterations"] == 4
    assert model.card["objective"]["output"]["psnr"] > 0
    assert model.invert(network, torch.rand(1, 3, 20, 31)).shape == (1, 3, 20, 31)
    # features were brought to about the same size
    assert model.network.state_dict()["feature_rms"].std() > 0


def test_training_comes_nearer_to_held_out_photos(make: MakeConfig) -> None:
    config = make(iterations=30, validate_every=15, preview_every=0, learning_rate=3e-3)
    events: list[Event] = []
    run(config, events.append)
    scores = [event for event in events if isinstance(event, Validated)]
    assert scores[-1].terms["total"] < scores[0].terms["total"]
    assert scores[-1].terms["psnr"] > scores[-1].untouched["psnr"] + 3


@pytest.mark.parametrize("stop_at", [3, 4])
def test_a_stopped_run_ends_with_the_same_bits(
    make: MakeConfig, tmp_path: Path, stop_at: int
) -> None:
    whole = make(output=tmp_path / "whole", validate_every=0, preview_every=0)
    broken = make(output=tmp_path / "broken", validate_every=0, preview_every=0)
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == stop_at:
            raise Stop

    with pytest.raises(Stop):
        run(broken, stop)
    run(broken)
    for name in ("checkpoint.safetensors", "model.safetensors"):
        first, second = load_file(whole.output / name), load_file(broken.output / name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_can_start_from_another_model(make: MakeConfig, tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"validate_every": 0, "preview_every": 0, "iterations": 2}
    first = run(make(**quiet))
    second = run(make(**quiet, output=tmp_path / "on", initial=str(first)))
    one, other = (load_inversion_model(path).network.state_dict() for path in (first, second))
    assert torch.equal(one["feature_rms"], other["feature_rms"])
    with pytest.raises(TrainingError, match="`width`"):
        run(make(**quiet, output=tmp_path / "no", initial=str(first), width=0.25))


def test_nonsense_is_refused(make: MakeConfig) -> None:
    with pytest.raises(OptionError, match=r"relu4_1.*relu1_1"):
        run(make(layer="relu4_1"))
    for options in (
        {"layer": ""},
        {"width": 99.0},
        {"content_weight": 0.0, "pixel_weight": 0.0},
        {"pixel_weight": -1.0},
        {"crop_px": 8},
        {"shift_px": 17},
    ):
        with pytest.raises(OptionError):
            make(**options)
    run(make(iterations=2))
    with pytest.raises(TrainingError, match="`layer` was 'relu1_1'"):
        run(make(iterations=2, layer="relu1_2"))


def test_the_recipe_holds_options_that_exist() -> None:
    recipes = Path(__file__).parents[2] / "recipes" / "inversion"
    paths = sorted(recipes.glob("*.toml"))
    assert paths
    for path in paths:
        options = read_recipe(path, InversionTrainingConfig)
        InversionTrainingConfig(**options, photos=Path("photos"), output=Path("run"))
        head = path.read_text(encoding="utf-8").splitlines()[:5]
        assert any("cost:" in line for line in head)
        assert any("score:" in line for line in head)


@pytest.mark.filterwarnings("ignore")  # of the compiler's own code
def test_compiled_training_learns_the_same(
    make: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # traced as for any compiler, but run as it is: compiling takes minutes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = {"precision": "bfloat16", "iterations": 2}
    losses = []
    for compiled in (False, True):
        folder = make().output.with_name(f"compiled {compiled}")
        events: list[Event] = []
        run(make(output=folder, compile=compiled, **options), events.append)
        losses.append([event.loss for event in events if isinstance(event, Step)])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
