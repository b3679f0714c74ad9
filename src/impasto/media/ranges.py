"""Values of images that come from outside: refused when they are not in [0, 1]."""

import torch
from torch import Tensor

from impasto.errors import ImageError

# Resampling and colour conversions leave values a little outside; those are clamped.
TOLERANCE = 1e-3


def in_unit_range(values: Tensor, what: str) -> Tensor:
    """Floats within TOLERANCE of [0, 1], any shape -> clamped to it. Raises ImageError."""
    low, high = _extremes(values.detach())
    # Written so that NaN fails too.
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise ImageError(
            f"{what} with values from {low:g} to {high:g}: wanted floats in [0, 1] without NaN; "
            "divide 8-bit values by 255, and add a subtracted mean again"
        )
    return values if low >= 0 and high <= 1 else values.clamp(0, 1)


def _extremes(values: Tensor) -> tuple[float, float]:
    """The least and the greatest; NaN if there is one."""
    if values.device.type == "cpu" and values.dtype == torch.float32:
        # By one thread: PyTorch's others go on waiting for work, in the way of OpenVINO's, which
        # at 256 px costs as much as half of the painting.
        array = values.numpy()
        return float(array.min()), float(array.max())
    low, high = values.aminmax()
    return float(low), float(high)
