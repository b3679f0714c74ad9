"""Where to compute, and in which number format."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from impasto.errors import OptionError
from impasto.machine.processor import PRECISIONS

DEVICES = ("auto", "cpu", "cuda", "mps")
Precision = Literal["auto", "float32", "bfloat16"]


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device called `name`, or itself; "auto" takes CUDA, then Apple's MPS, then the CPU.

    "cuda:1" names one of several. Raises OptionError for an unknown device, or one that is not
    there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if isinstance(name, torch.device):
        name = str(name)
    if not isinstance(name, str):
        raise OptionError(f"device {name!r}: wanted a name such as cpu or cuda:1")
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    kind, _, index = name.partition(":")
    if kind not in there or (index and not index.isdecimal()):
        raise OptionError(f"no device {name!r}; choose from {', '.join(DEVICES)}")
    if not there[kind] or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        available = ", ".join(kind for kind in there if there[kind])
        raise OptionError(
            f"device {name!r} is not available to this PyTorch; choose from auto, {available}"
        )
    return torch.device(name)


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """In what features are computed: "auto" is bfloat16 on CPUs that multiply it, else float32.

    With AMX it is three times as fast, with AVX-512 BF16 (AMD from Zen 4 on) one and a half to two
    times, for an error of about one 8-bit level; with AVX-512 alone it was no faster. Raises
    OptionError for other names.
    """
    if precision not in PRECISIONS:
        raise OptionError(f"no precision {precision!r}; choose from {', '.join(PRECISIONS)}")
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type != "cpu":
        return False
    # Private in torch, so they may go: then float32, which is always right.
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    if amx is not None and amx():
        return True
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16"))


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within it float32 convolutions on CUDA are float32; by default PyTorch takes TF32 there.

    TF32 rounds what is multiplied to 10 bits: fine for painting, not for figures that are said to
    be of float32. For a function, too: ``@exact_float32()``.
    """
    cudnn: Any = torch.backends.cudnn
    convolutions = cudnn.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before
