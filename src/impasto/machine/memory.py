"""Memory: how much there is, what this process has of it, and what is done with freed memory.

Without torch, but for devices that only it knows.
"""

import ctypes
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Device = str | torch.device

PROCESS_BYTES = 600 * 10**6  # of Python with PyTorch and a runtime, where the system does not tell
_MEMORY_SIGNS = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
# glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def total_memory(device: "Device") -> int | None:
    """All memory of `device` in bytes; None where it cannot be told."""
    if _is_cuda(device):
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def free_memory(limit: int | None, device: "Device", share: float) -> int | None:
    """What may still be taken of `device`'s memory; None where that is not known.

    limit: of this process's, in bytes; without one it is a share of all there is.
    """
    if limit is not None:
        give_back_freed_memory()  # what an earlier picture took can be taken again
        return limit - process_bytes(device)
    total = total_memory(device)
    return None if total is None else int(total * share)


def unused_memory(device: "Device") -> int | None:
    """What nobody has of `device`'s memory at the moment; None where the system does not tell."""
    if _is_cuda(device):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable")), None)
    return None if found is None else 1024 * int(found)


def process_bytes(device: "Device") -> int:
    """What this process has taken of `device`'s memory until now."""
    if _is_cuda(device):
        import torch

        return torch.cuda.memory_reserved(device)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return PROCESS_BYTES


def is_out_of_memory(error: Exception) -> bool:
    """Whether `error` says that memory was wanted and not there, on whatever device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()  # the CPU's allocator, MPS and cuDNN raise plain RuntimeErrors
    return isinstance(error, RuntimeError) and any(sign in text for sign in _MEMORY_SIGNS)


def keep_freed_memory() -> bool:
    """Let glibc reuse large blocks instead of mapping and unmapping them; True if it agreed.

    An iteration of training, or of optimising an image, frees and takes the same large maps again
    and again. By default each goes back to the kernel and comes back as zeroed pages, fault by
    fault, which costs more than many of the operations on it. It holds for the whole process, so
    programs choose it (the command line does), not the library. Does nothing but on Linux with
    glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**28}
    agreed = [mallopt(option, value) == 1 for option, value in settings.items()]
    return all(agreed)


def give_back_freed_memory() -> None:
    """Return what glibc keeps of freed memory to the system; it no longer counts as the process's.

    Does nothing but on Linux with glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _is_cuda(device: "Device") -> bool:
    return str(device).partition(":")[0] == "cuda"
