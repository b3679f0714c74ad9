"""What the machine has to compute with, told without importing torch."""

import os
import sys
from functools import cache
from pathlib import Path

PRECISIONS = ("auto", "float32", "bfloat16")  # number formats of what has no plan
_GPU_SIGNS = {
    # NVIDIA's and AMD's drivers, and Windows' GPU inside WSL
    "linux": ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"),
    "win32": (r"C:\Windows\System32\nvcuda.dll",),
}


def may_have_gpu() -> bool:
    """False only where torch certainly would find none."""
    signs = _GPU_SIGNS.get(sys.platform)
    return signs is None or any(Path(sign).exists() for sign in signs)


@cache
def multiplies_bfloat16() -> bool | None:
    """Whether the processor has instructions for products of bfloat16; None: only torch can tell.

    AMX or AVX-512 BF16, as in `impasto.machine.devices.choose_dtype`.
    """
    flags = _flags()
    if flags is None:
        return None
    return "avx512_bf16" in flags or {"amx_tile", "amx_bf16"} <= flags


@cache
def has_avx512() -> bool | None:
    """Whether the processor computes 16 float32 at a time; None where it cannot be told."""
    flags = _flags()
    return None if flags is None else "avx512f" in flags


def _flags() -> set[str] | None:
    """What Linux says that an x86 processor can do."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    line = next((line.split() for line in text.splitlines() if line.startswith("flags")), None)
    return None if line is None else set(line)


def threads_wanted() -> int | None:
    """$OMP_NUM_THREADS, which torch goes by as well; None if it is not set."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None
