"""Run projected L-BFGS on an image, and report every iteration."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.networks import LossNetwork
from impasto.optimization.events import OnEvent, OptimizationStep
from impasto.optimization.lbfgs import projected_lbfgs
from impasto.optimization.objective import PixelObjective

PROBE_PX = 256
# bfloat16 has three digits: a value may rise by that without having risen
BFLOAT16_SLACK = 1e-3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Which stage of how many a descent is, and the iterations of all of them, before and in all.

    All of one size by default.
    """

    number: int = 1
    count: int = 1
    before: int = 0
    iterations: int


def descend(
    objective: PixelObjective, start: Tensor, *, iterations: int, stage: Stage, on_event: OnEvent
) -> Tensor:
    """The image of least value met in `iterations` of projected L-BFGS from `start`, in [0, 1].

    Images are (1, 3, H, W), kept channels_last. Raises OptimizationError if the objective is not
    finite at the start.
    """
    slack = 0.0 if objective.dtype == torch.float32 else BFLOAT16_SLACK
    start = start.contiguous(memory_format=torch.channels_last)
    best, least = start, float("inf")
    since = time.perf_counter()
    for step in projected_lbfgs(objective, start, iterations=iterations, slack=slack):
        if step.value < least:
            best, least = step.point, step.value
        now = time.perf_counter()
        if step.iteration:
            on_event(
                OptimizationStep(
                    iteration=stage.before + step.iteration,
                    iterations=stage.iterations,
                    stage=stage.number,
                    stages=stage.count,
                    total=step.value,
                    terms=dict(objective.terms),
                    image=step.point,
                    images_per_second=1 / max(now - since, 1e-9),
                )
            )
        since = now
    return best


def check_layers(network: LossNetwork, layers: Sequence[str], image: Tensor) -> None:
    """Raise OptionError for no layer, one that `network` lacks, or an image too small for them."""
    if not layers:
        raise OptionError(f"got no layer; choose from {list(network.layer_names)}")
    try:
        with torch.no_grad():
            network(image[..., :PROBE_PX, :PROBE_PX], layers)
    except KeyError as error:
        raise OptionError(str(error.args[0])) from error
