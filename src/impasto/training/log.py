"""The run's diary: one JSON object a line, and TensorBoard for those who like it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from impasto.errors import TrainingError
from impasto.events import Event, Notice, OnEvent, Step, Validated
from impasto.files.atomic import write_text
from impasto.training.checkpoint import Checkpoint
from impasto.training.run_config import RunConfig

FILE_NAME = "log.jsonl"
OF_OPTIMISATIONS = ("image", "stage", "stages")  # in a Step, for those who optimise pixels


class RunLog:
    """Appends every event to `folder`/log.jsonl; `iteration` is where the run goes on.

    Lines past that iteration are of work that was lost with a killed process and will be done
    again: they are removed first, so that the log tells each iteration once.
    """

    def __init__(self, folder: Path, *, iteration: int, tensorboard: bool = False) -> None:
        self.path = folder / FILE_NAME
        self._trim(iteration)
        self._stream = self.path.open("a", encoding="utf-8")
        self._board = _open_board(folder, iteration) if tensorboard else None

    def __call__(self, event: Event) -> None:
        """Write one event; the line is on its way to the disk when this returns."""
        told = {key: value for key, value in asdict(event).items() if key not in OF_OPTIMISATIONS}
        record = {"event": type(event).__name__.lower(), **told}
        self._stream.write(json.dumps(record, default=str) + "\n")
        self._stream.flush()
        if self._board is not None:
            _draw(self._board, event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        if self._board is not None:
            self._board.close()

    def _trim(self, iteration: int) -> None:
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _iteration_of(line) <= iteration]
        write_text(self.path, "".join(line + "\n" for line in kept))


class Reporter:
    """What a run tells its events to: `on_event` and, inside `written`, its diary."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._log: RunLog | None = None

    def __call__(self, event: Event) -> None:
        if self._log is not None:
            self._log(event)
        self._on_event(event)

    @contextmanager
    def written(self, config: RunConfig, checkpoint: Checkpoint | None) -> Iterator[None]:
        """Write the diary in `config.output`, going on from `checkpoint`."""
        config.output.mkdir(parents=True, exist_ok=True)
        start = checkpoint.iteration if checkpoint else 0
        with RunLog(config.output, iteration=start, tensorboard=config.tensorboard) as self._log:
            yield


def _iteration_of(line: str) -> float:
    try:
        return float(json.loads(line).get("iteration", 0))
    except ValueError:  # the last line of a killed process may be cut short
        return float("inf")


def _open_board(folder: Path, iteration: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "`tensorboard` needs the extra impasto[tensorboard]; install it or leave it out"
        ) from error
    writer: Any = SummaryWriter  # untyped in torch
    return writer(str(folder / "tensorboard"), purge_step=iteration + 1)


def _draw(board: Any, event: Event) -> None:
    match event:
        case Step():
            values = {**event.terms, "loss": event.loss, "learning rate": event.learning_rate}
            values |= {"gradient norm": event.gradient_norm, "images/s": event.images_per_second}
            for name, value in values.items():
                board.add_scalar(f"train/{name}", value, event.iteration)
        case Validated():
            for name, value in event.terms.items():
                board.add_scalar(f"held out/{name}", value, event.iteration)
        case Notice():
            board.add_text("notices", event.message, event.iteration)
        case _:
            pass
