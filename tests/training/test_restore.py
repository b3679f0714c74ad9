"""Training restoration: every degradation is learnt, holes by the article's loss."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from impasto.data.degradations import RESTORATIONS, Blur, Holes, Jpeg, Noise
from impasto.errors import OptionError
from impasto.events import Event, Step, Validated
from impasto.losses import gram_matrix
from impasto.models import load_superres_model
from impasto.networks import load_loss_network
from impasto.training import RestoreTrainingConfig, read_recipe, run
from impasto.training.restore_config import parse_range
from impasto.training.restore_task import HolesCriterion, HolesTask

MakeConfig = Callable[..., RestoreTrainingConfig]
RECIPES = Path(__file__).parents[2] / "recipes" / "restore"


def _tinted_photo(path: Path, width: int, height: int, seed: int) -> None:
    """Sharp patches between dark blue and light yellow, so that a grey level tells its colour."""
    chance = torch.Generator().manual_seed(seed)
    level = torch.rand(5, 5, 1, generator=chance)
    colors = (1 - level) * torch.tensor([10.0, 20.0, 120.0]) + level * torch.tensor(
        [250.0, 240.0, 130.0]
    )
    image = Image.fromarray(colors.round().to(torch.uint8).numpy())
    image.resize((width, height), Image.Resampling.NEAREST).save(path)


@pytest.fixture
def make_restore(
    tmp_path: Path, loss_network_file: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeConfig:
    """A config of eight cheap iterations; keyword arguments override."""
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    photos, held_out = tmp_path / "photos", tmp_path / "held-out"
    for folder, count in ((photos, 4), (held_out, 2)):
        folder.mkdir()
        for number in range(count):
            _tinted_photo(folder / f"{number}.png", 70 + 3 * number, 61, 10 * count + number)

    def make(**options: Any) -> RestoreTrainingConfig:
        settings: dict[str, Any] = {
            "photos": (photos,),
            "output": tmp_path / "run",
            "loss_network": str(loss_network_file),
            "content_layers": {"relu1_2": 1.0},
            "style_layers": {"relu1_1": 1.0, "relu1_2": 0.5},
            "width": 0.25,
            "blocks": 1,
            "shrink": 2,
            "patch_px": 24,
            "scales": (1.0,),
            "iterations": 8,
            "batch_size": 2,
            "threads": 1,
            "workers": 0,
            "precision": "float32",
            "log_every": 1,
            "checkpoint_every": 2,
            "preview_every": 8,
            "validate_every": 0,
            "validation_photos": held_out,
            "validation_count": 2,
        }
        return RestoreTrainingConfig(**RestoreTrainingConfig.suited({**settings, **options}))

    return make


@pytest.mark.parametrize(
    ("degradation", "loss", "gain_db"),
    [
        ("noise", "pixel", 3.0),
        ("gray", "both", 3.0),
        ("jpeg", "pixel", 0.5),
        ("blur", "pixel", 0.5),
        ("holes", "pixel", 2.0),
        ("holes", "both", None),  # so short a run trades pixels for features
    ],
)
def test_every_degradation_is_learnt(
    make_restore: MakeConfig, degradation: str, loss: str, gain_db: float | None
) -> None:
    config = make_restore(
        degradation=degradation, loss=loss, iterations=100, learning_rate=3e-3, preview_every=0
    )
    events: list[Event] = []
    model = load_superres_model(run(config, events.append))
    validated = next(event for event in events if isinstance(event, Validated))
    # an untrained network returns its input, so `untouched` is where it began
    assert validated.terms["total"] < 0.9 * validated.untouched["total"]
    if gain_db is not None:
        assert validated.terms["psnr"] > validated.untouched["psnr"] + gain_db
    assert model.task == "restore"
    assert model.name == f"restore-{degradation}"
    assert model.card["degradation"] == degradation
    assert model.card["objective"]["input"]["psnr"] == validated.untouched["psnr"]
    channels = 4 if degradation == "holes" else 3
    with torch.no_grad():
        assert model.network(torch.rand(1, channels, 17, 22)).shape == (1, 3, 17, 22)


@pytest.mark.parametrize("degradation", ["noise", "holes"])
def test_a_stopped_run_ends_with_the_same_bits(
    make_restore: MakeConfig, tmp_path: Path, degradation: str
) -> None:
    whole = make_restore(output=tmp_path / "whole", degradation=degradation, shift_px=3)
    broken = replace(whole, output=tmp_path / "broken")
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(broken, stop)
    run(broken)
    first, second = (load_file(run.output / "model.safetensors") for run in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_card_says_how_bad_the_pictures_were(make_restore: MakeConfig) -> None:
    path = run(make_restore(degradation="jpeg", degrade_range=(20, 30)))
    assert load_superres_model(path).card["trained"]["degradation"] == "Jpeg(quality=(20, 30))"


def _holes_criterion(
    make_restore: MakeConfig, loss_network_file: Path, **options: Any
) -> HolesCriterion:
    config = make_restore(degradation="holes", **options)
    return HolesCriterion(config, load_loss_network(loss_network_file))


def _picture_with_hole() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(2, 3, 12, 12, generator=generator)
    hole = torch.zeros(2, 1, 12, 12)
    hole[..., 3:9, 4:7] = 1  # 18 of 144 pixels
    return target, (target + 0.1 * torch.rand(2, 3, 12, 12, generator=generator)), hole


def test_known_and_missing_pixels_are_counted_over_the_whole_picture(
    make_restore: MakeConfig, loss_network_file: Path
) -> None:
    criterion = _holes_criterion(make_restore, loss_network_file, loss="pixel", tv_weight=0.0)
    target, _, hole = _picture_with_hole()
    terms = criterion.terms(target + 0.2 * hole - 0.1 * (1 - hole), target, hole)
    assert set(terms) == {"valid", "hole"}
    assert float(terms["hole"]) == pytest.approx(0.2 * 18 / 144, rel=1e-5)
    assert float(terms["valid"]) == pytest.approx(0.1 * 126 / 144, rel=1e-5)
    wanted = float(terms["valid"]) + 6 * float(terms["hole"])
    assert float(criterion.total(terms)) == pytest.approx(wanted, rel=1e-6)


def test_feature_and_style_errors_are_of_output_and_composite(
    make_restore: MakeConfig, loss_network_file: Path
) -> None:
    criterion = _holes_criterion(make_restore, loss_network_file, content_weight=0.7)
    target, output, hole = _picture_with_hole()
    terms = criterion.terms(output, target, hole)
    network = load_loss_network(loss_network_file)
    layers = ["relu1_1", "relu1_2"]
    content = style = 0.0
    wanted = network(target, layers)
    for image in (output, hole * output + (1 - hole) * target):
        found = network(image, layers)
        for item in range(2):  # the mean over two pictures, each relative to itself
            one, other = found["relu1_2"][item], wanted["relu1_2"][item]
            content += float((one - other).square().sum() / other.square().sum()) / 2
            for layer, weight in (("relu1_1", 1.0), ("relu1_2", 0.5)):
                gram, gram_wanted = (
                    gram_matrix(features[layer][item : item + 1]) for features in (found, wanted)
                )
                error = (gram - gram_wanted).square().sum() / gram_wanted.square().sum()
                style += weight * float(error) / 2
    assert float(terms["content"]) == pytest.approx(content, rel=1e-4)
    assert float(terms["style"]) == pytest.approx(style, rel=1e-4)
    weights = {"valid": 1.0, "hole": 6.0, "content": 0.7, "style": 0.5, "tv": 0.01}
    total = sum(weights[name] * float(term) for name, term in terms.items())
    assert terms.keys() == weights.keys()
    assert float(criterion.total(terms)) == pytest.approx(total, rel=1e-5)


def test_a_perfect_filling_costs_only_its_variation(
    make_restore: MakeConfig, loss_network_file: Path
) -> None:
    criterion = _holes_criterion(make_restore, loss_network_file)
    target, _, hole = _picture_with_hole()
    terms = criterion.terms(target, target, hole)
    assert all(float(terms[name]) == 0 for name in ("valid", "hole", "content", "style"))
    assert float(terms["tv"]) > 0


def test_known_pixels_come_out_of_a_filled_picture_unchanged() -> None:
    target, output, hole = _picture_with_hole()
    low_res = torch.cat([target * (1 - hole), hole], dim=1)
    filled = HolesTask.finished(None, output, low_res)  # type: ignore[arg-type]
    assert torch.equal(filled * (1 - hole), target * (1 - hole))
    assert torch.equal(filled * hole, output.clamp(0, 1) * hole)


def test_ranges_reach_the_degradation_and_defaults_suit_it(make_restore: MakeConfig) -> None:
    cases = {
        "noise": ((25, 25), Noise(sigma=(25, 25))),
        "jpeg": ((30, 40), Jpeg(quality=(30, 40))),
        "blur": ((0.5, 1.5), Blur(sigma_px=(0.5, 1.5))),
        "holes": ((0.1, 0.2), Holes(area=(0.1, 0.2))),
    }
    for name, (drawn, wanted) in cases.items():
        config = make_restore(degradation=name, degrade_range=drawn)
        assert config.find_degradation() == wanted
    assert make_restore(degradation="blur").find_degradation() == Blur(sigma_px=(0.5, 2.5))
    assert make_restore(degradation="noise").loss_weights.content == 0
    holes = make_restore(degradation="holes")
    assert (holes.loss_weights.content, holes.loss_weights.style) == (0.03, 0.5)
    assert holes.network.in_channels == 4
    assert make_restore(degradation="holes", loss="pixel").needs_loss_network is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"degradation": "rain"}, "`degradation`"),
        ({"degradation": "standard"}, "`degradation`"),
        ({"factor": 2}, "`factor`: got 2"),
        ({"degrade_range": (1.0,)}, "`degrade_range`"),
        ({"degrade_range": (9.0, 3.0)}, "sigma"),
        ({"degradation": "gray", "degrade_range": (1, 2)}, "draws nothing"),
        ({"degradation": "jpeg", "degrade_range": (0, 50)}, "quality"),
        ({"style_weight": 1.0}, "`style_weight`"),
        ({"degradation": "holes", "unit_feature_weight": 1.0}, "`unit_feature_weight`"),
        ({"degradation": "holes", "hole_weight": -1.0}, "`hole_weight`"),
        ({"degradation": "holes", "architecture": "srcnn-9-1-5", "shrink": 1}, "in_channels"),
    ],
)
def test_nonsense_is_refused(make_restore: MakeConfig, options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make_restore(**options)


def test_ranges_are_read_from_text() -> None:
    assert parse_range("5:50") == (5, 50)
    assert parse_range("0.5:2") == (0.5, 2)
    assert parse_range("25") == (25, 25)
    for text in ("", "a:b", "1:2:3"):
        with pytest.raises(OptionError, match="LOW:HIGH"):
            parse_range(text)


@pytest.mark.parametrize("degradation", RESTORATIONS)
def test_the_repository_has_a_recipe_for_every_degradation(degradation: str) -> None:
    options = read_recipe(RECIPES / f"{degradation}.toml", RestoreTrainingConfig)
    options |= {"photos": (Path("photos"),), "output": Path("run")}
    assert RestoreTrainingConfig(**RestoreTrainingConfig.suited(options)).degradation == degradation
