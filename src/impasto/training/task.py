"""What is trained: a network, its data and its loss. Everything around it stands in `trainer`."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from impasto.errors import ImageError
from impasto.events import OnEvent, Saved, Validated
from impasto.machine.devices import choose_dtype
from impasto.media import contact_sheet, read_picture, write_picture
from impasto.models import save_model
from impasto.networks import LossNetwork
from impasto.training.run_config import RunConfig

MODEL_FILE = "model.safetensors"
PREVIEW_COUNT = 4


class Batch(Protocol):
    """What an iteration learns from, and the unreadable files met on the way to it."""

    @property
    def skipped(self) -> dict[Path, str]: ...

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What the loss takes."""
        ...

    @property
    def count(self) -> int:
        """How many images it holds."""
        ...

    @property
    def crop_px(self) -> int:
        """Their side in pixels."""
        ...

    def to(self, device: torch.device) -> Self: ...


AnyConfig = TypeVar("AnyConfig", bound=RunConfig)
AnyBatch = TypeVar("AnyBatch", bound=Batch)
Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Setup(Generic[AnyConfig]):
    """What `trainer.run` has found for a task: photos to train on and photos held out, and more.

    loss_network: None if the config needs none; on the CPU, for the task to place.
    """

    config: AnyConfig
    device: torch.device
    paths: Sequence[Path]
    held_out: Sequence[Path]
    loss_network: LossNetwork | None
    report: OnEvent


class Task(ABC, Generic[AnyConfig, AnyBatch]):
    """A network in training, with its batches, loss, previews, scores and model file.

    A subclass sets `network`, `network_config` and `sampled` when it is made, and says the rest.
    `untouched_name`: what its card calls the scores that the network's are compared with.
    """

    network: nn.Module
    network_config: Any  # the record that the model file tells of the network
    sampled: Callable[..., Iterator[AnyBatch]]  # (batch_size, start, stop, workers) -> batches
    output_name = "output"
    untouched_name = "untouched"

    def __init__(self, setup: Setup[AnyConfig]) -> None:
        self.config = setup.config
        self.device = setup.device
        self.report = setup.report
        self.held_out = list(setup.held_out)
        self.dtype = choose_dtype(self.config.precision, self.device)
        compiled = self.config.compile
        self._loss = torch.compile(self.terms_of) if compiled else self.terms_of

    @classmethod
    def provenance(cls, config: AnyConfig) -> dict[str, Any]:
        """What the weights depend on besides options, photos and loss network; hashes of it."""
        del config
        return {}

    @abstractmethod
    def terms_of(self, *tensors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """A batch's tensors -> weighted total to descend, and the unweighted terms by name."""

    @abstractmethod
    def scores(self, pixels: Tensor, number: int) -> tuple[Scores, Scores] | None:
        """Of a held-out photo, (1, 3, H, W): the network's scores and those without it.

        `number`: which photo, for what is drawn. None leaves it out.
        """

    @abstractmethod
    def preview_rows(self) -> list[list[Tensor]]:
        """The images of the preview sheet, row by row; empty for none."""

    @abstractmethod
    def card(self) -> dict[str, Any]:
        """What the model file says of itself, besides provenance, options and scores."""

    def batches(self, start: int) -> Iterator[AnyBatch]:
        """Batches from iteration `start` on; each iteration's is always the same."""
        config = self.config
        span = {"start": start, "stop": config.iterations, "workers": config.workers}
        return self.sampled(batch_size=config.batch_size, **span)

    def loss(self, batch: AnyBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted total and unweighted terms, in the run's number format."""
        # entered here, since torch.compile cannot trace a function that changes autocast
        with self.autocast():
            return self._loss(*batch.tensors)

    def autocast(self) -> torch.autocast:
        """The run's number format."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def after_step(self, iteration: int, terms: Scores) -> None:  # noqa: ARG002
        """Previews and validation; called when `iteration` iterations are done."""
        config = self.config
        last = iteration == config.iterations
        if config.preview_every and (iteration % config.preview_every == 0 or last):
            self._preview(iteration)
        if config.validate_every and self.held_out and iteration % config.validate_every == 0:
            self.validate(iteration, self.held_out[: config.validation_count])

    @torch.no_grad()
    def validate(self, iteration: int, paths: Sequence[Path]) -> Validated:
        """Mean scores over held-out photos, in float32, beside those without the network."""
        self.network.eval()
        sums: tuple[dict[str, list[float]], ...] = (defaultdict(list), defaultdict(list))
        for number, pixels in enumerate(readable(paths, len(paths))):
            for scores, collected in zip(self.scores(pixels, number) or (), sums, strict=False):
                for name, score in scores.items():
                    collected[name].append(score)
        self.network.train()
        terms, untouched = (
            {name: sum(values) / len(values) for name, values in each.items()} for each in sums
        )
        event = Validated(iteration=iteration, terms=terms, untouched=untouched)
        self.report(event)
        return event

    def finish(self, provenance: Mapping[str, Any]) -> Path:
        """Validate on every held-out photo and write the model with its card."""
        config = self.config
        objective = self.validate(config.iterations, self.held_out) if self.held_out else None
        path = config.output / MODEL_FILE
        card = full_card(self.card(), self.config, provenance, self.told(objective))
        save_model(path, self.network, self.network_config, card)
        self.report(Saved(iteration=config.iterations, kind="model", path=path))
        return path

    @classmethod
    def told(cls, objective: Validated | None) -> dict[str, Scores]:
        """The scores as the card names them."""
        if objective is None:
            return {}
        return {cls.output_name: objective.terms, cls.untouched_name: objective.untouched}

    def preview_photos(self, others: Sequence[Path]) -> list[Tensor]:
        """The photos of the preview sheet: the ones named, else four of `others`."""
        config = self.config
        if not config.preview_every:
            return []
        if config.preview_photos:
            return [read_picture(path).pixels for path in config.preview_photos]
        return list(readable(others, PREVIEW_COUNT))

    @torch.no_grad()
    def _preview(self, iteration: int) -> None:
        self.network.eval()
        rows = self.preview_rows()
        self.network.train()
        if not rows:
            return
        sheet = contact_sheet(rows)
        path = self.config.output / "previews" / f"{iteration:06d}.png"
        for target in (path, self.config.output / "preview.png"):
            write_picture(target, sheet)
        self.report(Saved(iteration=iteration, kind="preview", path=path))


def full_card(
    own: Mapping[str, Any],
    config: RunConfig,
    provenance: Mapping[str, Any],
    scores: Mapping[str, Scores],
) -> dict[str, Any]:
    """A task's `own` card with where the weights come from, the options and the scores."""
    told, trained = config.card_entries(), own.get("trained", {})
    card = {**own, "trained": {**provenance, **told, **trained}}
    if weights := {**told.get("weights", {}), **trained.get("weights", {})}:
        card["trained"]["weights"] = weights
    if scores:
        card["objective"] = {**own.get("objective", {}), **scores}
    else:
        card.pop("objective", None)
    return card


def channels_last(module: nn.Module) -> Any:
    """The module itself, its weights laid out as its maps will be."""
    # untyped: PyTorch's stubs know no overload with a memory format alone
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def readable(paths: Sequence[Path], count: int) -> Iterator[Tensor]:
    """Pixels, (1, 3, H, W) in [0, 1], of the first `count` of them that can be read."""
    for path in paths:
        if count == 0:
            return
        try:
            pixels = read_picture(path).pixels
        except ImageError:
            continue  # whoever trains on it reports it
        count -= 1
        yield pixels
