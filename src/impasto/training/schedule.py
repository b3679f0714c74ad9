"""What changes as training goes on, each a pure function of the iteration: nothing to resume."""

import math
from collections.abc import Sequence
from typing import Literal

Schedule = Literal["one-cycle", "cosine", "constant"]
SCHEDULES = ("one-cycle", "cosine", "constant")

WARMUP = 0.05  # share of the iterations in which one-cycle climbs to the full rate
START_FACTOR = 1 / 25
END_FACTOR = 1 / 1000


def learning_rate_at(iteration: int, *, iterations: int, peak: float, schedule: Schedule) -> float:
    """Rate for `iteration` in 0 … iterations - 1.

    "one-cycle" climbs linearly over the first 5 %, then falls by a half cosine; "cosine" falls
    from the start; "constant" is the paper's.
    """
    if schedule == "constant":
        return peak
    warmup = WARMUP * iterations if schedule == "one-cycle" else 0.0
    if iteration < warmup:
        return peak * (START_FACTOR + (1 - START_FACTOR) * iteration / warmup)
    progress = (iteration - warmup) / max(iterations - warmup, 1)
    return peak * (END_FACTOR + (1 - END_FACTOR) * (1 + math.cos(math.pi * progress)) / 2)


def crop_px_at(iteration: int, *, iterations: int, crops: Sequence[tuple[float, int]]) -> int:
    """Side of the crops in pixels: `crops` holds (share of the iterations, px), in their order.

    Small crops first teach the strokes at a fraction of the cost, large ones finish.
    """
    done = 0.0
    for share, px in crops:
        done += share
        if iteration < done * iterations - 1e-9:
            return px
    return crops[-1][1]
