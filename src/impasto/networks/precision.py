"""Which number format a device computes fastest in without spoiling the result."""

from typing import Literal

import torch

from impasto.errors import OptionError

Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """ "auto" -> bfloat16 where the device multiplies it natively, else float32.

    On CPUs that is AMX or AVX-512 bf16, on CUDA compute capability 8.0. Raises OptionError for an
    unknown name.
    """
    if precision not in PRECISIONS:
        raise OptionError(f"no precision {precision!r}; choose from {list(PRECISIONS)}")
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    return torch.bfloat16 if has_native_bfloat16(device) else torch.float32


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 matrix products run in hardware there."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    # private, and so perhaps gone in another torch: then float32, which is always right
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)
