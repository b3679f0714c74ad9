"""Tiny images, models and distances, so that an evaluation takes a blink."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.evaluation import SuperResEvaluation, evaluate_superres
from impasto.evaluation.distances import DistanceSpec, PerceptualDistance
from impasto.evaluation.record import file_sha256
from impasto.events import Event, Scored
from impasto.media import imresize, write_picture
from impasto.models import save_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.loss.network import LossNetwork, Provenance
from impasto.networks.superres import SuperResConfig, build_superres_network

TOY = DistanceSpec(name="toy", label="Toy", backbone="toy", layers=("first", "second"))


def picture(seed: int, size_hw: tuple[int, int] = (48, 40)) -> Tensor:
    """(1, 3, H, W): smooth colours with some detail, in 8-bit levels."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 5, generator=generator)
    smooth = imresize(coarse, size_hw).clamp(0, 1)
    grain = torch.rand(1, 3, *size_hw, generator=generator) - 0.5
    return ((smooth + 0.1 * grain).clamp(0, 1) * 255).round() / 255


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """A folder `tiny` of three images: a, b and c."""
    folder = tmp_path / "tiny"
    for seed, name in enumerate("abc"):
        write_picture(folder / f"{name}.png", picture(seed))
    return folder


MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a thin network of random weights: (file name, seed=, factor=, **card) -> its path."""

    def make(name: str, *, seed: int = 0, factor: int = 2, **card: object) -> Path:
        torch.manual_seed(seed)
        config = SuperResConfig(factor=factor, width=1 / 16, blocks=1)
        network = build_superres_network(config)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.05)
        path = tmp_path / "models" / f"{name}.safetensors"
        save_model(path, network, config, dict(card))
        return path

    return make


class ToyLossNetwork(LossNetwork):
    """Two convolutions of random weights."""

    def __init__(self) -> None:
        provenance = Provenance(
            name="toy", weights_hash="0" * 64, source="", license="", redistributable=True
        )
        super().__init__(TOY.layers, provenance)
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("kernel_1", torch.randn(4, 3, 3, 3, generator=generator))
        self.register_buffer("kernel_2", torch.randn(5, 4, 3, 3, generator=generator))

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        first = nn.functional.conv2d(image, self.get_buffer("kernel_1")).relu()
        second = nn.functional.conv2d(first, self.get_buffer("kernel_2"), stride=2).relu()
        found = {"first": first, "second": second}
        return {layer: found[layer] for layer in layers}


@pytest.fixture
def toy_distance() -> PerceptualDistance:
    return PerceptualDistance(TOY, ToyLossNetwork())


@pytest.fixture
def toy_distances(
    monkeypatch: pytest.MonkeyPatch, toy_distance: PerceptualDistance
) -> list[PerceptualDistance]:
    """Put the toy in place of whatever distances an evaluation asks for."""
    found = [toy_distance]
    monkeypatch.setattr(
        "impasto.evaluation.superres_evaluation.load_distances", lambda *_, **__: list(found)
    )
    return found


class Setup:
    """An evaluation of the tiny set at factor 2, and the events of the last run."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.folder, self.output = folder, output
        self.events: list[Event] = []

    def config(self, **options: Any) -> SuperResEvaluation:
        defaults: dict[str, Any] = {
            "models": ("bicubic", "lanczos"),
            "sets": (str(self.folder),),
            "factor": 2,
            "output": self.output,
            "distances": ("none",),
            "crops": 0,
        }
        return SuperResEvaluation(**{**defaults, **options})

    def run(self, **options: Any) -> dict[str, Any]:
        self.events = []
        evaluate_superres(self.config(**options), self.events.append)
        return self.read()

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output.read_text(encoding="utf-8"))
        return found

    def kept(self) -> list[bool]:
        return [event.kept for event in self.events if isinstance(event, Scored)]


@pytest.fixture
def setup(image_folder: Path, tmp_path: Path) -> Setup:
    return Setup(image_folder, tmp_path / "out" / "results.json")


@pytest.fixture
def toy_loss_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever loss network an evaluation asks for, it gets the toy."""
    for module in ("trained_styles", "style_metric"):
        monkeypatch.setattr(
            f"impasto.evaluation.{module}.load_loss_network", lambda *_, **__: ToyLossNetwork()
        )


@pytest.fixture
def paintings(tmp_path: Path) -> Path:
    """A folder of two paintings: swirls and squares."""
    folder = tmp_path / "paintings"
    for seed, name in enumerate(("swirls", "squares"), start=20):
        write_picture(folder / f"{name}.png", picture(seed, (72, 80)))
    return folder


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """A folder of three photos."""
    folder = tmp_path / "held-out"
    for seed, name in enumerate(("one", "two", "three"), start=30):
        write_picture(folder / f"{name}.png", picture(seed, (64, 70)))
    return folder


@pytest.fixture
def make_style(tmp_path: Path, paintings: Path) -> Callable[..., Path]:
    """Write a style of random weights, "trained" on a painting with the toy: its file."""

    def make(name: str, *, seed: int = 0, **trained: object) -> Path:
        torch.manual_seed(seed)
        config = StyleNetworkConfig(width=1 / 16)
        card = {
            "name": name,
            "trained": {
                "loss_network": "toy",
                "loss_network_hash": "0" * 64,
                "style_sha256": [file_sha256(paintings / f"{name}.png")],
                "content_layers": {"second": 1.0},
                "style_layers": {"first": 1.0, "second": 0.5},
                "weights": {"content": 1.0, "style": 2.0, "tv": 0.1},
                "style_size": 64,
                **trained,
            },
        }
        path = tmp_path / "styles" / f"{name}.safetensors"
        save_model(path, build_style_network(config), config, card, dtype=torch.float32)
        return path

    return make
