"""Super-resolution files; what all model files share is tested in test_style_file.py."""

import json
from pathlib import Path

import pytest
import torch

from impasto.errors import ModelError
from impasto.models import load_style_model, load_superres_model, save_model, upscalers
from impasto.models.kinds import SUPERRES
from impasto.networks.superres import SuperResConfig, build_superres_network

SMALL = SuperResConfig(factor=2, width=0.125, blocks=1)


def save(path: Path, config: SuperResConfig = SMALL, **card: object) -> Path:
    torch.manual_seed(0)
    save_model(path, build_superres_network(config), config, card)
    return path


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        SuperResConfig(factor=1, width=0.125, blocks=1, shrink=2, in_channels=4),
        SuperResConfig(architecture="paper", factor=8, width=0.125),
        SuperResConfig(architecture="srcnn-9-1-5", factor=3),
    ],
)
def test_every_architecture_comes_back_rounded_to_float16(
    tmp_path: Path, config: SuperResConfig
) -> None:
    network = build_superres_network(config)
    save_model(tmp_path / "m.safetensors", network, config, {"name": "Mine"})
    model = load_superres_model(tmp_path / "m.safetensors", factor=config.factor)
    assert (model.name, model.config, model.factor) == ("Mine", config, config.factor)
    for name, tensor in network.state_dict().items():
        rounded = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(model.network.state_dict()[name], rounded)
    output = model(torch.rand(2, config.in_channels, 5, 7))
    assert output.shape == (2, 3, 5 * config.factor, 7 * config.factor)
    assert output.min() >= 0
    assert output.max() <= 1


def test_the_card_names_task_and_network(tmp_path: Path) -> None:
    card = load_superres_model(save(tmp_path / "m.safetensors", degradation="blur")).card
    assert card["task"] == "superres"
    assert card["degradation"] == "blur"
    assert card["network"] == {
        "architecture": "modern",
        "factor": 2,
        "width": 0.125,
        "blocks": 1,
        "shrink": 1,
        "in_channels": 3,
    }


def test_a_model_of_factor_1_restores(tmp_path: Path) -> None:
    path = save(tmp_path / "m.safetensors", SuperResConfig(factor=1, width=0.125, blocks=1))
    assert load_superres_model(path).task == "restore"


def test_a_task_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="task 'dance'"):
        load_superres_model(save(tmp_path / "m.safetensors", task="dance"))


def test_a_file_of_another_factor_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.safetensors: made for factor 2, but factor 4"):
        load_superres_model(save(tmp_path / "m.safetensors"), factor=4)


def test_a_style_and_a_super_resolution_model_are_told_apart(tmp_path: Path) -> None:
    path = save(tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="'impasto-superres-1', wanted 'impasto-style-1'"):
        load_style_model(path)


def test_the_largest_network_of_a_config_fits_the_limit_in_float32() -> None:
    config = SuperResConfig(width=4.0, blocks=64, factor=8, shrink=4, in_channels=4)
    with torch.device("meta"):
        state = build_superres_network(config).state_dict()
    assert sum(4 * tensor.numel() for tensor in state.values()) < SUPERRES.max_bytes


def test_a_bundled_model_is_found_by_family_and_factor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path)
    save(tmp_path / "pixel-x2.safetensors", name="pixel-x2")
    (tmp_path / "pixel-x2.json").write_text(json.dumps({"task": "superres"}))
    assert load_superres_model("Pixel", factor=2).name == "pixel-x2"
    with pytest.raises(ModelError, match="'pixel' for factor 4, only for 2"):
        load_superres_model("pixel", factor=4)
