"""Whether a picture will fit into memory, told before it is tried."""

import math
import os

import torch

from impasto.errors import OptionError
from impasto.networks import StyleNetworkConfig

_FIXED_BYTES = 100 * 2**20  # strips and the kernels' scratch space
_IMAGE_BYTES = 3 * 4  # per pixel of a float32 image
_MEMORY_SIGNS = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")


def estimate_bytes(
    config: StyleNetworkConfig, size_hw: tuple[int, int], dtype: torch.dtype = torch.float32
) -> int:
    """Roughly what painting one image of `size_hw` takes at its peak, with image and result.

    `dtype` is that of the features in the modern network.
    """
    height, width = size_hw
    channels = 32 * config.width  # of the maps at full resolution
    if config.architecture == "modern":
        # Input and output of the second layer, or of the last but one: a map of full resolution
        # and one of half, with twice the channels. The first layer's output is float32.
        second = channels * (4 + dtype.itemsize / 2)
        last_but_one = channels * dtype.itemsize * 1.5
        per_pixel = max(second, last_but_one) + 3 * _IMAGE_BYTES
    else:
        height, width = height + 80, width + 80  # the network's border of 40 px
        per_pixel = channels * 4 * 4 + 3 * _IMAGE_BYTES
    return math.ceil(height * width * per_pixel) + _FIXED_BYTES


def check_memory(
    config: StyleNetworkConfig,
    size_hw: tuple[int, int],
    dtype: torch.dtype,
    device: torch.device,
    max_memory_bytes: int | None = None,
) -> None:
    """Raise OptionError if the estimate passes the limit; default: all memory of `device`."""
    limit = total_memory(device) if max_memory_bytes is None else max_memory_bytes
    needed = estimate_bytes(config, size_hw, dtype)
    if limit is None or needed <= limit:
        return
    height, width = size_hw
    raise OptionError(
        f"painting {width} x {height} px needs about {needed / 2**30:.1f} GiB of memory, and "
        f"{limit / 2**30:.1f} GiB may be used; choose a smaller size"
    )


def total_memory(device: torch.device) -> int | None:
    """All memory of `device` in bytes; None where it cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether `error` says that memory was wanted and not there, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()  # the CPU's allocator, MPS and cuDNN raise plain RuntimeErrors
    return isinstance(error, RuntimeError) and any(sign in text for sign in _MEMORY_SIGNS)
