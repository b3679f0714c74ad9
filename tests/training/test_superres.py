"""Training super-resolution: what it writes, what it learns, how it goes on, what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from impasto.errors import OptionError, TrainingError
from impasto.events import Event, Skipped, Step, Validated
from impasto.losses import content_loss
from impasto.models import load_superres_model
from impasto.networks import load_loss_network
from impasto.training import SuperResTrainingConfig, read_recipe, run
from impasto.training.superres_loss import SuperResCriterion, shifted

MakeConfig = Callable[..., SuperResTrainingConfig]
RECIPES = Path(__file__).parents[2] / "recipes" / "superres"


def _sharp_photo(path: Path, width: int, height: int, seed: int) -> None:
    """Straight edges of random colours: what bicubic blurs and a network can learn to sharpen."""
    chance = torch.Generator().manual_seed(seed)
    colors = torch.randint(0, 256, (5, 5, 3), dtype=torch.uint8, generator=chance)
    image = Image.fromarray(colors.numpy()).resize((width, height), Image.Resampling.NEAREST)
    image.save(path)


@pytest.fixture
def make_superres(
    tmp_path: Path, loss_network_file: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeConfig:
    """A config of eight cheap iterations; keyword arguments override."""
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    photos, held_out = tmp_path / "photos", tmp_path / "held-out"
    for folder, count in ((photos, 4), (held_out, 2)):
        folder.mkdir()
        for number in range(count):
            _sharp_photo(folder / f"{number}.png", 70 + 3 * number, 61, 10 * count + number)

    def make(**options: Any) -> SuperResTrainingConfig:
        settings: dict[str, Any] = {
            "photos": (photos,),
            "output": tmp_path / "run",
            "factor": 2,
            "loss": "both",
            "loss_network": str(loss_network_file),
            "content_layers": {"relu1_2": 1.0},
            "width": 0.125,
            "blocks": 1,
            "patch_px": 32,
            "scales": (1.0,),
            "shift_px": 4,
            "iterations": 8,
            "batch_size": 2,
            "threads": 1,
            "workers": 0,
            "precision": "float32",
            "log_every": 1,
            "checkpoint_every": 2,
            "preview_every": 8,
            "validate_every": 8,
            "validation_photos": held_out,
            "validation_count": 2,
        }
        return SuperResTrainingConfig(**{**settings, **options})

    return make


def test_a_run_writes_model_checkpoint_log_and_previews(make_superres: MakeConfig) -> None:
    config = make_superres(name="test-x2")
    events: list[Event] = []
    path = run(config, events.append)
    assert [event.iteration for event in events if isinstance(event, Step)] == list(range(1, 9))
    assert {entry.name for entry in config.output.iterdir()} == {
        "checkpoint.json",
        "checkpoint.safetensors",
        "log.jsonl",
        "model.safetensors",
        "preview.png",
        "previews",
    }
    model = load_superres_model(path)
    assert model.name == "test-x2"
    assert model.config == config.network
    assert model.card["task"] == "superres"
    assert model.card["degradation"] == "standard"
    trained = model.card["trained"]
    assert trained["iterations"] == 8
    assert trained["loss_network_hash"] == load_loss_network(config.loss_network).weights_hash
    validated = [event for event in events if isinstance(event, Validated)][-1]
    assert set(validated.terms) == {"pixel", "content", "total", "psnr"}
    assert model.card["objective"]["bicubic"]["psnr"] == validated.untouched["psnr"]


@pytest.mark.parametrize("degradation", ["standard", "blur", "photo"])
def test_training_beats_bicubic_on_held_out_photos(
    make_superres: MakeConfig, degradation: str
) -> None:
    config = make_superres(
        loss="pixel",
        degradation=degradation,
        iterations=100,
        width=0.25,
        patch_px=24,
        learning_rate=3e-3,
        validate_every=0,
        preview_every=0,
    )
    events: list[Event] = []
    run(config, events.append)
    validated = next(event for event in events if isinstance(event, Validated))
    assert validated.terms["psnr"] > validated.untouched["psnr"] + 0.3


@pytest.mark.parametrize(
    ("architecture", "factor"), [("paper", 4), ("srcnn-9-1-5", 3), ("modern", 3)]
)
def test_every_architecture_trains(
    make_superres: MakeConfig, architecture: str, factor: int
) -> None:
    config = make_superres(
        architecture=architecture, factor=factor, patch_px=24, shift_px=0, iterations=2
    )
    model = load_superres_model(run(config))
    assert model.config.architecture == architecture
    with torch.no_grad():
        assert model.network(torch.rand(1, 3, 5, 4)).shape == (1, 3, 5 * factor, 4 * factor)


@pytest.mark.parametrize("degradation", ["standard", "photo"])
@pytest.mark.parametrize("stop_at", [3, 4])
def test_a_stopped_run_ends_with_the_same_bits(
    make_superres: MakeConfig, tmp_path: Path, stop_at: int, degradation: str
) -> None:
    options = {"degradation": degradation, "patch_px": 24}
    whole = make_superres(output=tmp_path / "whole", **options)
    broken = make_superres(output=tmp_path / "broken", **options)
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(broken, stop)
    run(replace(broken, log_every=3))
    for name in ("checkpoint.safetensors", "model.safetensors"):
        first, second = load_file(whole.output / name), load_file(broken.output / name)
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(first[key], second[key]), key


def test_another_factor_starts_from_the_trunk_of_the_first(make_superres: MakeConfig) -> None:
    first = run(make_superres())
    second = run(
        make_superres(
            output=first.parents[1] / "second",
            factor=3,
            patch_px=24,
            initial=str(first),
            iterations=1,
            learning_rate=1e-12,
        )
    )
    one, other = (load_superres_model(path).network.state_dict() for path in (first, second))
    assert one["tail.weight"].shape != other["tail.weight"].shape
    assert torch.allclose(one["body.0.first.weight"], other["body.0.first.weight"], atol=1e-3)
    card = load_superres_model(second).card
    assert card["trained"]["initial"]["name"] == load_superres_model(first).name


def test_another_network_is_no_start(make_superres: MakeConfig, tmp_path: Path) -> None:
    first = run(make_superres())
    with pytest.raises(TrainingError, match="`initial`"):
        run(make_superres(output=tmp_path / "b", initial=str(first), width=0.5))


def test_unreadable_photos_are_skipped_and_reported(make_superres: MakeConfig) -> None:
    config = make_superres()
    (config.photos[0] / "bad.png").write_bytes(b"nothing")
    events: list[Event] = []
    run(config, events.append)
    assert [event.path.name for event in events if isinstance(event, Skipped)] == ["bad.png"]


def test_other_options_in_the_same_folder_are_refused_by_name(make_superres: MakeConfig) -> None:
    run(make_superres())
    with pytest.raises(TrainingError, match=r"`pixel_weight` was 1.0, is 3.0"):
        run(make_superres(pixel_weight=3.0))


def test_a_pixel_run_needs_no_loss_network(make_superres: MakeConfig) -> None:
    path = run(make_superres(loss="pixel", loss_network="no-such-network"))
    assert "loss_network" not in load_superres_model(path).card["trained"]


def test_the_perceptual_loss_is_the_papers_equation_2(
    make_superres: MakeConfig, loss_network_file: Path
) -> None:
    network = load_loss_network(loss_network_file)
    criterion = SuperResCriterion(make_superres(loss="perceptual", relative=False), network)
    output, target = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    terms = criterion.terms(output, target)
    features = [network(image, ["relu1_2"])["relu1_2"] for image in (output, target)]
    wanted = nn.functional.mse_loss(*features)
    assert set(terms) == {"content"}
    assert float(terms["content"]) == pytest.approx(float(wanted), rel=1e-5)
    assert float(terms["content"]) == pytest.approx(float(content_loss(*features)), rel=1e-5)


def test_the_total_is_the_weighted_sum_of_the_terms(
    make_superres: MakeConfig, loss_network_file: Path
) -> None:
    config = make_superres(
        pixel_weight=2.0,
        content_weight=0.5,
        tv_weight=3.0,
        unit_feature_weight=0.25,
        unit_feature_layers={"relu1_1": 1.0},
        pixel="squared",
    )
    criterion = SuperResCriterion(config, load_loss_network(loss_network_file))
    output, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    terms = {name: float(term) for name, term in criterion.terms(output, target).items()}
    assert terms["pixel"] == pytest.approx(float(nn.functional.mse_loss(output, target)))
    wanted = (
        2 * terms["pixel"] + 0.5 * terms["content"] + 3 * terms["tv"] + 0.25 * terms["unit_feature"]
    )
    total = criterion.total(criterion.terms(output, target))
    assert float(total) == pytest.approx(wanted, rel=1e-5)


def test_shifting_cuts_both_images_alike() -> None:
    image = torch.rand(1, 3, 12, 12)
    sizes = set()
    for _ in range(40):
        one, other = shifted(image, image, 3)
        assert torch.equal(one, other)
        assert torch.equal(one, image[..., 12 - one.shape[-2] :, 12 - one.shape[-1] :])
        sizes |= set(one.shape[-2:])
    assert sizes == {9, 10, 11, 12}


def test_the_loss_network_sees_means_of_pixels_if_asked(
    make_superres: MakeConfig, loss_network_file: Path
) -> None:
    """A pattern within 2 x 2 pixels that changes no mean is not seen then."""
    network = load_loss_network(loss_network_file)
    target = torch.rand(1, 3, 16, 16) * 0.5 + 0.25
    pattern = torch.tensor([[0.1, -0.1], [-0.1, 0.1]]).repeat(8, 8)
    errors = []
    for reduce in (1, 2):
        config = make_superres(loss="perceptual", feature_reduce=reduce)
        terms = SuperResCriterion(config, network).terms(target + pattern, target)
        errors.append(float(terms["content"]))
    assert errors[0] > 1e-2
    assert errors[1] < 1e-10


@pytest.mark.parametrize(
    "options",
    [
        {"photos": ()},
        {"loss": "pixel", "pixel_weight": 0.0},
        {"scales": ()},
        {"patch_px": 8},
        {"pixel_weight": float("nan")},
        {"tv_weight": -1.0},
        {"learning_rate": 0.0},
    ],
)
def test_nonsense_is_refused(make_superres: MakeConfig, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        make_superres(**options)


def test_recipes_of_the_repository_are_configs() -> None:
    recipes = sorted(RECIPES.glob("*.toml"))
    assert recipes
    for recipe in recipes:
        options = read_recipe(recipe, SuperResTrainingConfig)
        options |= {"photos": (Path("photos"),), "output": Path("run")}
        assert SuperResTrainingConfig(**options).name == recipe.stem


def test_an_unknown_key_of_a_recipe_is_named(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("factr = 4\n")
    with pytest.raises(OptionError, match="factr"):
        read_recipe(recipe, SuperResTrainingConfig)


@pytest.mark.filterwarnings("ignore")  # of the compiler's own code
def test_compiled_training_learns_the_same(
    make_superres: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # traced as for any compiler, but run as it is: compiling takes minutes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = {"precision": "bfloat16", "iterations": 2}
    losses = []
    for compiled in (False, True):
        folder = make_superres().output.with_name(f"compiled {compiled}")
        events: list[Event] = []
        run(make_superres(output=folder, compile=compiled, **options), events.append)
        losses.append([event.loss for event in events if isinstance(event, Step)])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
