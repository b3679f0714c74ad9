"""Numbered samples -> batches, in order, whatever iteration a run begins at."""

import signal
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

Sample = TypeVar("Sample")
Batch = TypeVar("Batch")


def batches_in_order(
    samples: Dataset[Sample],
    collate: Callable[[list[Sample]], Batch],
    *,
    batch_size: int,
    start: int,
    stop: int,
    workers: int,
) -> Iterator[Batch]:
    """Batches `start` ... `stop` - 1 of samples asked for by number, by `workers` processes."""
    loader: DataLoader[Sample] = DataLoader(
        samples,
        batch_size=batch_size,
        sampler=range(start * batch_size, stop * batch_size),
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_ignore_interruption,
        generator=torch.Generator(),  # else it draws from the global one, whenever a run goes on
    )
    return iter(loader)


def _ignore_interruption(worker: int) -> None:  # noqa: ARG001
    """A terminal's Ctrl-C reaches the workers too, and what was begun here may need them yet."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
