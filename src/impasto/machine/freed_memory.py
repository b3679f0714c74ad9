"""Freed memory: kept in the process, so that no step asks for it again, or given back at once."""

import ctypes
import platform

# glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


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
