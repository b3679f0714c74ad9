"""What a machine can do at most: the roof that times are held against."""

import time
from collections.abc import Callable

import torch


def machine_rates() -> dict[str, float]:
    """Operations per second of large matrix products, bytes per second of a large copy.

    By number format, and "bytes" (read and written); all threads together.
    """
    rates = {}
    for dtype in (torch.bfloat16, torch.float32):
        left, right = (torch.rand(2048, 2048).to(dtype) for _ in range(2))
        seconds = _fastest(lambda left=left, right=right: left @ right)  # type: ignore[misc]
        rates[str(dtype).removeprefix("torch.")] = 2 * 2048**3 / seconds
    source = torch.rand(2**26)
    target = torch.empty_like(source)
    rates["bytes"] = 2 * source.nbytes / _fastest(lambda: target.copy_(source))
    return rates


def _fastest(work: Callable[[], object], rounds: int = 7) -> float:
    """Seconds, by the processor's time of each thread: other programs do not count."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append((time.process_time() - begin) / torch.get_num_threads())
    return min(taken)
