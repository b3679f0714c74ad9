"""A new kind of training costs one config and one task: this one learns to brighten photos."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.data.photos import PhotoBatch, PhotoCrops, photo_batches
from impasto.errors import TrainingError
from impasto.events import Event, Saved, Step, Validated
from impasto.options import option
from impasto.training import RunConfig, run
from impasto.training.task import Scores, Setup, Task
from tests.training.conftest import write_noise


@dataclass(frozen=True, kw_only=True)
class BrightenConfig(RunConfig):
    photos: Path = option(help="Folder of photos.", free=True)
    gain: float = option(1.5, "How much brighter.", above=0, card="gain")

    @property
    def needs_loss_network(self) -> bool:
        return False

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        return Path("runs") / f"brighten-{options.get('gain', cls.gain)}"

    def task(self) -> "type[Brighten]":
        return Brighten


class Brighten(Task[BrightenConfig, PhotoBatch]):
    def __init__(self, setup: Setup[BrightenConfig]) -> None:
        super().__init__(setup)
        self.network = nn.Conv2d(3, 3, 1, bias=False)
        self.sampled = partial(photo_batches, PhotoCrops(setup.paths, _side, seed=0))

    def terms_of(self, *tensors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = (self.network(tensors[0]) - self.config.gain * tensors[0]).square().mean()
        return error, {"pixel": error}

    def scores(self, pixels: Tensor, number: int) -> tuple[Scores, Scores]:
        del number
        total, _ = self.terms_of(pixels)
        return {"total": float(total)}, {"total": float(pixels.square().mean())}

    def preview_rows(self) -> list[list[Tensor]]:
        return []

    def card(self) -> dict[str, Any]:
        return {"name": "brighten"}

    def finish(self, provenance: Mapping[str, Any]) -> Path:
        del provenance  # model files are for networks that this package knows
        self.validate(self.config.iterations, self.held_out)
        return self.config.output


def _side(index: int) -> int:
    del index
    return 16


def test_a_task_of_one_s_own_is_trained_saved_and_resumed(tmp_path: Path) -> None:
    for number in range(3):
        write_noise(tmp_path / "photos" / f"{number}.png", (40, 30), number)
    config = BrightenConfig(
        photos=tmp_path / "photos",
        output=tmp_path / "run",
        validation_photos=tmp_path / "photos",
        iterations=200,
        learning_rate=0.05,
        threads=1,
        workers=0,
        log_every=50,
    )
    events: list[Event] = []
    run(config, events.append)
    (score,) = (event for event in events if isinstance(event, Validated))
    assert score.terms["total"] < 0.1 * score.untouched["total"]
    assert [event.kind for event in events if isinstance(event, Saved)] == ["checkpoint"]
    again: list[Event] = []
    run(config, again.append)
    assert not [event for event in again if isinstance(event, Step)]
    with pytest.raises(TrainingError, match=r"`gain` was 1.5, is 2.0"):
        run(BrightenConfig(**{**vars(config), "gain": 2.0}))
    assert config.card_entries()["gain"] == 1.5
    assert torch.is_grad_enabled()
