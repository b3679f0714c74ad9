from collections.abc import Callable

import pytest
import torch
from torch import nn

from impasto.models import StyleModel, SuperResModel
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.superres import SuperResConfig, build_superres_network


def random_model(width: float = 0.25, seed: int = 0) -> StyleModel:
    """A style with random weights, norms included, whose paintings have some contrast."""
    torch.manual_seed(seed)
    config = StyleNetworkConfig(width=width)
    network = build_style_network(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if "norm.weight" in name:
            torch.nn.init.normal_(parameter, 1, 0.3)
        elif "norm.bias" in name:
            torch.nn.init.normal_(parameter, 0, 0.5)
    return StyleModel(name="random", network=network, config=config)


@pytest.fixture(scope="session")
def model() -> StyleModel:
    return random_model()


def random_upscaler(config: SuperResConfig, seed: int = 0, **card: str) -> SuperResModel:
    """A super-resolution model with random weights, of which every layer makes a difference."""
    torch.manual_seed(seed)
    network = build_superres_network(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=1.5 / module.weight[0].numel() ** 0.5)
            nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.bias, std=0.2)
    if config.architecture == "modern":
        nn.init.normal_(network.tail.weight, std=0.02)
    return SuperResModel(name="random", network=network, config=config, card=dict(card))


@pytest.fixture(scope="session")
def upscaler() -> SuperResModel:
    """Factor 4, two blocks."""
    return random_upscaler(SuperResConfig(factor=4, width=0.25, blocks=2))


@pytest.fixture
def make_upscaler() -> Callable[..., SuperResModel]:
    """`random_upscaler`, for tests that need other models."""
    return random_upscaler
