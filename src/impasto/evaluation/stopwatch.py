"""Times of several ways to do the same, in turns, so that a busy machine slows all alike.

And what a machine can do at most, the roof that times are held against.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALL_PIXELS = 512 * 512  # painted once more before it is timed
_PAUSE_S = 0.02

Paint = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of each round: by the clock, and of the processor over all threads."""

    wall: tuple[float, ...]
    processor: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The median by the clock."""
        return statistics.median(self.wall)

    @property
    def processor_seconds(self) -> float:
        """The median of the processor's time; where it is less than wall time times threads,
        something else was running."""
        return statistics.median(self.processor)

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, by the clock, over the median; 0 for one round."""
        if len(self.wall) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.wall, n=4)
        return (high - low) / 2 / self.seconds

    def to_json(self) -> dict[str, object]:
        """Medians, spread, and every round."""
        return {
            "seconds": self.seconds,
            "processor_seconds": self.processor_seconds,
            "spread": self.spread,
            "all_seconds": list(self.wall),
        }


def take_turns(
    paints: Mapping[str, Paint],
    image: Tensor,
    *,
    rounds: int,
    most_seconds: float | None = None,
    least_rounds: int = 2,
) -> tuple[dict[str, Timing], dict[str, Tensor]]:
    """Timings after one round of warming up, and what that round painted.

    No new round begins after `most_seconds`, beyond `least_rounds`.
    """
    begin = time.perf_counter()
    # The threads of the one before go on waiting for work for some milliseconds, and the caches are
    # its: of small images that would be most of the time.
    small = image.shape[-2] * image.shape[-1] <= _SMALL_PIXELS
    pictures = {name: paint(image) for name, paint in paints.items()}
    wall: dict[str, list[float]] = {name: [] for name in paints}
    processor: dict[str, list[float]] = {name: [] for name in paints}
    for number in range(rounds):
        spent = time.perf_counter() - begin
        if most_seconds is not None and number >= least_rounds and spent > most_seconds:
            break
        for name, paint in paints.items():
            if small:
                time.sleep(_PAUSE_S)
                paint(image)
            start, start_processor = time.perf_counter(), time.process_time()
            paint(image)
            settle(image.device)
            wall[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - start_processor)
    timings = {
        name: Timing(wall=tuple(wall[name]), processor=tuple(processor[name])) for name in paints
    }
    return timings, pictures


def settle(device: torch.device) -> None:
    """Wait for what was only handed to a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def smooth_noise(size_px: int) -> Tensor:
    """Noise of every scale, in 8 bits, as photos are: (1, 3, size_px, size_px) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(1, 3, size_px, size_px)
    for side in (4, 16, 64, size_px):
        noise = torch.rand(1, 3, side, side, generator=generator)
        total += F.interpolate(noise, size=(size_px, size_px), mode="bilinear", align_corners=False)
    return (total / 4 * 255).round() / 255


def psnr_db(output: Tensor, reference: Tensor) -> float:
    """PSNR of pictures in [0, 1]; at most 200 dB, for equal ones."""
    error = float((output.cpu() - reference.cpu()).double().square().mean())
    return float(-10 * torch.log10(torch.tensor(max(error, 1e-20))))


LEAST_SIDE, MOST_SIDE = 256, 2048  # of the matrices
LONG_SECONDS = 0.5  # for one product
COPIED = 2**26  # numbers


def machine_rates() -> dict[str, float]:
    """Operations per second of large matrix products, bytes per second of a large copy.

    By number format, and "bytes" (read and written); all threads together. The products are
    smaller where a processor takes long for them: for bfloat16 that it does not multiply, minutes.
    """
    rates = {
        str(dtype).removeprefix("torch."): _product_rate(dtype)
        for dtype in (torch.bfloat16, torch.float32)
    }
    source = torch.rand(COPIED)
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
