import pytest
import torch

from impasto.models import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network


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
