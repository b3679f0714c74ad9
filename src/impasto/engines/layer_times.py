"""Where a style network's time goes, by OpenVINO's own clock."""

from functools import partial
from typing import Any

import numpy as np

from impasto.engines.openvino import OpenVinoStyle
from impasto.models import StyleModel
from impasto.plans.rewrite import rewrite

# OpenVINO's node types -> what they are in the network
KINDS = {
    "Convolution": "convolution",
    "MVN": "norm, scale and ReLU",
    "Pad": "borders",
    "Gather": "borders",
    "Concat": "borders",
    "Interpolate": "up-sampling",
    "Add": "residual sums",
    "Eltwise": "residual sums",
    "DepthToSpace": "last shuffle",
    "Reorder": "change of layout",
}
_ROUNDS = 5


def layer_times(
    model: StyleModel, size_px: int, *, threads: int, precision: str = "bfloat16"
) -> dict[str, Any]:
    """Milliseconds of one square image by kind of layer, means of a few runs.

    Raises OptionError where OpenVINO is not installed.
    """
    style = OpenVinoStyle(
        partial(rewrite, model.network), precision, threads=threads, profiled=True
    )
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 256, (1, 3, size_px, size_px)).astype(np.float32)
    totals: dict[str, float] = {}
    for number in range(_ROUNDS + 1):
        style(levels)
        if number:
            for kind, seconds in style.profile():
                name = KINDS.get(kind, "other")
                totals[name] = totals.get(name, 0.0) + seconds * 1e3 / _ROUNDS
    ordered = sorted(totals.items(), key=lambda item: -item[1])
    return {"precision": precision, "milliseconds": {kind: round(ms, 3) for kind, ms in ordered}}
