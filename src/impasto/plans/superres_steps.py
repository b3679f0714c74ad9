"""Steps of super-resolution and restoration networks, beside those of `plan`.

Maps are (N, C, h, w); images enter as levels in [0, 255]. Only graphs are made of them
(`superres_plan`, `graphs`): in this process such networks run tile by tile, as they are.
"""

from dataclasses import dataclass

from impasto.plans.plan import INPUT_SCALE, Step

HOLE_LEVEL = INPUT_SCALE / 2  # mid-grey, as `with_holes` puts it


@dataclass(frozen=True, kw_only=True)
class Blank:
    """Of (N, 4, h, w), the last channel a mask: mid-grey where it is 1, see `with_holes`."""


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What `body` makes of a map plus what `exact` makes of it.

    `exact` is computed in float32 where the rest is in half precision. Either may be empty.
    """

    body: "GraphPlan"
    exact: "GraphPlan" = ()


@dataclass(frozen=True, kw_only=True)
class Trim:
    """Crop to `factor` times the image's H, W, at the top left."""

    factor: int


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Clamp to [0, 1]: pixels. `masked`: only what the mask says is missing, else the image's."""

    masked: bool = False


GraphStep = Step | Blank | Sum | Trim | Clip
GraphPlan = tuple[GraphStep, ...]
