"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest
import torch

# Small tensors gain nothing from threads, and lose much on a machine that is busy.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data folder named by IMPASTO_DATA; tests that need it skip visibly without it."""
    folder = os.environ.get("IMPASTO_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("IMPASTO_DATA does not name a data folder")
    return Path(folder)
