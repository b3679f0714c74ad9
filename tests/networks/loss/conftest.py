"""The faulty server of the download tests, and random weights."""

import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.networks.loss.shapes import weight_shapes
from impasto.networks.loss.weight_file import WeightFile

SERVER_FILE = Path(__file__).parents[2] / "files" / "faulty_server.py"


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


@pytest.fixture(scope="session")
def random_file() -> Callable[..., WeightFile]:
    """Make a weights file (in memory) of random values that keep activations of order one."""

    def make(
        architecture: str,
        *,
        first_scale: float = 1.0,
        until: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> WeightFile:
        generator = torch.Generator().manual_seed(len(architecture))
        tensors: dict[str, Tensor] = {}
        for prefix, shape in weight_shapes(architecture).items():
            scale = math.sqrt(2 / math.prod(shape[1:])) * (first_scale if not tensors else 1.0)
            tensors[f"{prefix}.weight"] = scale * torch.randn(shape, generator=generator)
            tensors[f"{prefix}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
            if prefix == until:
                break
        return WeightFile(path=Path("random"), tensors=tensors, metadata=metadata or {})

    return make
