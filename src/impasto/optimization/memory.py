"""How much memory an optimisation takes, and whether it fits: told before it starts."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.errors import OptionError
from impasto.optimization.strips import ALIGNMENT, NetworkCost

# Beside the activations that are kept for the gradient: the gradients on their way, and what a
# convolution copies. Measured: see docs/optimizing.md.
WORKING = 1.6
# Image, gradient, moments or L-BFGS' pairs and what the line search holds, in float32 images;
# "none": a painting, which is only looked at.
IMAGES = {"adam": 12, "lbfgs": 32, "none": 2}
IMAGE_BYTES = 3 * 4  # a pixel
FIXED_BYTES = 600 * 2**20  # Python, PyTorch, weights, Gram matrices
FREE_SHARE = 0.8  # of what is free, for others need some too


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Rows that go through the loss network at a time (None: all), and the bytes estimated."""

    strip_rows: int | None
    estimate_bytes: int


def plan_memory(
    size_hw: tuple[int, int],
    cost: NetworkCost,
    target_bytes_per_pixel: float,
    optimizer: str,
    limit: int | None,
) -> MemoryPlan:
    """The whole image at once where that fits into `limit` bytes, else in the largest strips.

    Raises OptionError if even the smallest strips do not fit.
    """
    height, width = size_hw
    held = IMAGES[optimizer] * IMAGE_BYTES + target_bytes_per_pixel
    steady = FIXED_BYTES + cost.fixed_bytes + height * width * held
    row = width * cost.bytes_per_pixel * WORKING
    whole = math.ceil(steady + height * row)
    if limit is None or whole <= limit:
        return MemoryPlan(strip_rows=None, estimate_bytes=whole)
    reach = cost.reach_px
    shown = 0 if reach is None else int((limit - steady) // row)
    rows = 0 if reach is None else (shown - 2 * reach) // ALIGNMENT * ALIGNMENT
    if rows < ALIGNMENT:
        least = whole if reach is None else math.ceil(steady + (2 * reach + ALIGNMENT) * row)
        raise OptionError(
            f"optimising {width} x {height} px with this loss network needs about "
            f"{least / 2**30:.1f} GiB of memory, and {limit / 2**30:.1f} GiB may be used; choose a "
            "smaller --size, --precision bfloat16, or shallower layers"
        )
    estimate = math.ceil(steady + (rows + 2 * (reach or 0)) * row)
    return MemoryPlan(strip_rows=rows, estimate_bytes=estimate)


def usable_memory(device: torch.device) -> int | None:
    """The bytes on `device` that may be used: a share of what is free; None where nobody tells."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(FREE_SHARE * free)
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable")), None)
    return None if found is None else int(FREE_SHARE * int(found) * 1024)
