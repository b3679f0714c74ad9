"""The faulty server, for the tests of downloads."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER_FILE = Path(__file__).with_name("faulty_server.py")


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
