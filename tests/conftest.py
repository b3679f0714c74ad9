"""Fixtures that every room's tests share."""

import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from impasto.models import StyleModel, SuperResModel
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.loss.architectures import tensor_shapes
from impasto.networks.superres import SuperResConfig, build_superres_network

# Small tensors gain nothing from threads, and lose much on a machine that is busy.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data folder named by IMPASTO_DATA; tests that need it skip visibly without it."""
    folder = os.environ.get("IMPASTO_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("IMPASTO_DATA does not name a data folder")
    return Path(folder)


@pytest.fixture(scope="session")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a VGG-16 down to relu2_2, as a file."""
    generator = torch.Generator().manual_seed(5)
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in list(tensor_shapes("vgg16").items())[:8]:
        scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[name] = scale * torch.randn(shape, generator=generator)
    path = tmp_path_factory.mktemp("networks") / "vgg16.safetensors"
    save_file(tensors, path, {"preprocessing": "torchvision"})
    return path


SERVER_FILE = Path(__file__).parent / "files" / "faulty_server.py"


def _server_module() -> Any:
    if "faulty_server" not in sys.modules:
        spec = importlib.util.spec_from_file_location("faulty_server", SERVER_FILE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["faulty_server"] = module
        spec.loader.exec_module(module)
    return sys.modules["faulty_server"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A running FaultyServer; no proxy of this machine comes between."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "IMPASTO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    running = _server_module().FaultyServer()
    yield running
    running.close()


@pytest.fixture
def served() -> Any:
    """The class Served of the faulty server's module."""
    return _server_module().Served


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
