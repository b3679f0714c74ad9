"""What the machine has to compute with, told without importing torch."""

import os
import sys
from functools import cache
from pathlib import Path

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
def has_amx() -> bool | None:
    """Whether the processor has matrix units for bfloat16; None where only torch can tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), None)
    return None if flags is None else {"amx_tile", "amx_bf16"} <= set(flags)


def threads_wanted() -> int | None:
    """$OMP_NUM_THREADS, which torch goes by as well; None if it is not set."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None
