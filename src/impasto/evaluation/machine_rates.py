"""What a machine can do at most: the roof that times are held against."""

import time
from collections.abc import Callable

import torch

LEAST_SIDE, MOST_SIDE = 256, 2048  # of the matrices
LONG_SECONDS = 0.5  # for one product


def machine_rates() -> dict[str, float]:
    """Operations per second of large matrix products, bytes per second of a large copy.

    By number format, and "bytes" (read and written); all threads together. The products are
    smaller where a processor takes long for them: for bfloat16 that it does not multiply, minutes.
    """
    rates = {
        str(dtype).removeprefix("torch."): _product_rate(dtype)
        for dtype in (torch.bfloat16, torch.float32)
    }
    source = torch.rand(2**26)
    target = torch.empty_like(source)
    rates["bytes"] = 2 * source.nbytes / _fastest(lambda: target.copy_(source))
    return rates


def _product_rate(dtype: torch.dtype) -> float:
    side, rate = LEAST_SIDE // 2, 0.0
    while side < MOST_SIDE and (not rate or 2 * (2 * side) ** 3 / rate < LONG_SECONDS):
        side *= 2
        left, right = (torch.rand(side, side).to(dtype) for _ in range(2))
        rate = 2 * side**3 / _fastest(lambda left=left, right=right: left @ right)  # type: ignore[misc]
    return rate


def _fastest(work: Callable[[], object], rounds: int = 7) -> float:
    """Seconds, by the processor's time of each thread: other programs do not count."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append((time.process_time() - begin) / torch.get_num_threads())
    return min(taken)
