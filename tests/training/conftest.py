"""A training run small enough for tests: VGG-16's first two layers, tiny photos, a thin network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from impasto.training import StyleTrainingConfig


def write_noise(path: Path, size: tuple[int, int], seed: int) -> Path:
    """A PNG of smooth random colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = torch.Generator().manual_seed(seed)
    small = torch.randint(0, 256, (6, 6, 3), dtype=torch.uint8, generator=chance)
    Image.fromarray(small.numpy()).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def loss_network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-16 through relu1_2 with random weights."""
    chance = torch.Generator().manual_seed(5)
    tensors = {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=chance) * 0.3,
        "features.0.bias": torch.zeros(64),
        "features.2.weight": torch.randn(64, 64, 3, 3, generator=chance) * 0.06,
        "features.2.bias": torch.zeros(64),
    }
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file(tensors, path, {"preprocessing": "torchvision: RGB, /255, mean and std"})
    return path


MakeConfig = Callable[..., StyleTrainingConfig]


@pytest.fixture
def make_config(tmp_path: Path, loss_network_file: Path) -> MakeConfig:
    """A config of eight cheap iterations; keyword arguments override."""
    photos = tmp_path / "photos"
    for number in range(5):
        write_noise(photos / f"{number}.png", (40 + 4 * number, 52 - 3 * number), number)
    style = write_noise(tmp_path / "style.png", (48, 40), 77)

    def make(**options: Any) -> StyleTrainingConfig:
        settings: dict[str, Any] = {
            "style": (style,),
            "photos": photos,
            "output": tmp_path / "run",
            "style_size": 48,
            "loss_network": str(loss_network_file),
            "content_layers": {"relu1_2": 1.0},
            "style_layers": {"relu1_1": 1.0, "relu1_2": 0.5},
            "width": 0.125,
            "iterations": 8,
            "batch_size": 2,
            "crops": ((0.5, 24), (0.5, 32)),
            "threads": 1,
            "workers": 0,
            "log_every": 1,
            "checkpoint_every": 2,
            "preview_every": 8,
            "validate_every": 8,
            "validation_photos": photos,
            "validation_count": 2,
        }
        return StyleTrainingConfig(**{**settings, **options})

    return make
