"""The fixtures of tests/evaluation, and what the reproductions need beside them."""

import pytest

from tests.evaluation.conftest import *  # noqa: F403
from tests.evaluation.conftest import ToyLossNetwork


@pytest.fixture
def toy_loss_networks(toy_loss_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever loss network a reproduction asks for, it gets the toy."""
    del toy_loss_network
    monkeypatch.setattr(
        "research.reconstructions.load_loss_network", lambda *_, **__: ToyLossNetwork()
    )
