"""What each mode does where nothing else is asked for."""

from dataclasses import dataclass
from typing import Literal

from impasto.optimization.config import Mode, OptimizationConfig

LEAST_STAGE_PX = 32  # of the shorter side
SHRINK = 2**0.5  # from one stage's side to the one before


@dataclass(frozen=True, kw_only=True)
class ModeDefaults:
    """Weights and plan of one mode."""

    content_weight: float = 1.0
    style_weight: float
    tv_weight: float
    iterations: int = 500
    init: Literal["content", "noise"] = "noise"
    start_size: int | None = None  # None: one stage
    border: float = 0  # px painted beyond each edge and cut off, as a share of the long side


DEFAULTS: dict[Mode, ModeDefaults] = {
    "best": ModeDefaults(
        style_weight=4.0, tv_weight=2.0, init="content", start_size=128, border=1 / 24
    ),
    # The weights of the bundled styles' training (docs/training.md), so that objectives compare.
    "paper": ModeDefaults(style_weight=2.0, tv_weight=5.0),
    # alpha, and beta before it is scaled by the content layer (see setup.py).
    "gatys": ModeDefaults(style_weight=1.0, tv_weight=0.0),
}


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """So many iterations at one size."""

    size_hw: tuple[int, int]
    iterations: int


def plan_stages(
    config: OptimizationConfig, size_hw: tuple[int, int], narrowest: float = 1.0
) -> list[StagePlan]:
    """From coarse to `size_hw`; the iterations are shared out, the first stage taking two shares.

    It has the farthest to go, and costs the least. narrowest: the shortest side of the paintings,
    as a share of the result's long side.
    """
    defaults = DEFAULTS[config.mode]
    iterations = config.iterations or defaults.iterations
    sides = _sides(max(size_hw), config.start_size or defaults.start_size)
    # Of a long and narrow picture the loss network would see nothing in the first ones.
    narrow = min(min(size_hw) / max(size_hw), narrowest)
    sides = [side for side in sides[:-1] if side * narrow >= LEAST_STAGE_PX] + sides[-1:]
    # Fewer stages rather than stages without an iteration.
    sides = sides[-max(1, iterations - 1) :]
    shares = [2.0, *[1.0] * (len(sides) - 1)]
    bounds = [round(iterations * sum(shares[:i]) / sum(shares)) for i in range(len(shares) + 1)]
    return [
        StagePlan(size_hw=scaled(size_hw, side / max(size_hw)), iterations=stop - start)
        for side, start, stop in zip(sides, bounds, bounds[1:], strict=False)
    ]


def scaled(size_hw: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size of a picture whose sides are `scale` times as long, 1 px at least."""
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def _sides(largest: int, start: int | None) -> list[int]:
    sides = [largest]
    while start and sides[0] / SHRINK >= start * 0.99:
        sides.insert(0, round(largest / SHRINK ** len(sides)))
    return sides
