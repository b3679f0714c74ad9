"""Inversion models to files and back, and the loss network that they insist on."""

from pathlib import Path

import pytest
import torch

from impasto.errors import ModelError
from impasto.models import load_style_model, save_model
from impasto.models.inversion_model import load_inversion_model
from impasto.networks.inversion import InversionConfig, InversionNetwork
from impasto.networks.loss.blocks import ConvRelu
from impasto.networks.loss.network import LossNetwork, Provenance, Stage, StagedLossNetwork

CONFIG = InversionConfig(
    loss_network="tiny", weights_hash="abc", layer="relu1_1", channels=4, stride=1, width=0.25
)


def _loss_network(weights_hash: str) -> LossNetwork:
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(3))
    provenance = Provenance(
        name="tiny", weights_hash=weights_hash, source="-", license="none", redistributable=True
    )
    stage = Stage(ConvRelu(weight, torch.zeros(4)), "relu1_1")
    return StagedLossNetwork([stage], (0.5, 0.5, 0.5), provenance)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "decoder.safetensors"
    save_model(path, InversionNetwork(CONFIG), CONFIG, {"licence": "none"})
    return path


def test_a_model_comes_back_with_config_and_card(saved: Path) -> None:
    model = load_inversion_model(saved)
    assert (model.name, model.config) == ("decoder", CONFIG)
    assert (model.card["task"], model.card["licence"]) == ("inversion", "none")
    assert not model.network.training
    assert all(parameter.dtype == torch.float32 for parameter in model.network.parameters())


def test_inverting_is_encoding_then_decoding(saved: Path) -> None:
    model, loss_network = load_inversion_model(saved), _loss_network("abc")
    image = torch.rand(1, 3, 12, 15)
    with torch.no_grad():
        features = loss_network(image, ["relu1_1"])["relu1_1"]
        assert torch.equal(model.invert(loss_network, image), model(features))


def test_features_of_another_loss_network_are_refused(saved: Path) -> None:
    with pytest.raises(ModelError, match="trained with tiny"):
        load_inversion_model(saved).invert(_loss_network("other"), torch.rand(1, 3, 12, 15))


def test_a_style_is_no_inversion_model_and_the_reverse(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a style"):
        load_style_model(saved)
    (tmp_path / "broken.safetensors").write_bytes(saved.read_bytes()[:-10])
    with pytest.raises(ModelError, match="impasto train inversion"):
        load_inversion_model(tmp_path / "broken.safetensors")
    with pytest.raises(ModelError, match="no such file"):
        load_inversion_model(tmp_path / "gone.safetensors")
