"""Numbered samples -> batches, in order, whatever iteration a run begins at."""

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
        generator=torch.Generator(),  # else it draws from the global one, whenever a run goes on
    )
    return iter(loader)
