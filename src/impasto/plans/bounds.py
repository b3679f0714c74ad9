"""What can be told of a plan: how large values become, how far a pixel sees, how wide maps are."""

from impasto.plans.plan import (
    COLORS,
    INPUT_SCALE,
    Convolve,
    Mirror,
    Normalise,
    Plan,
    Residual,
    Sum,
    bounds,
    seen,
)

MOST_PIXELS = 2**34  # of any image that has been painted here
LARGEST_FLOAT32 = 3.4e38  # bfloat16 ends there as well


def cannot_overflow(steps: Plan, pixels: int = MOST_PIXELS) -> bool:
    """Whether no image of that many pixels can take the network out of float32's range.

    True only if it is proven: by the sums of each kernel's magnitudes, and by what an instance norm
    can give at most. False if a weight is NaN.
    """
    largest = bounds(steps, pixels, INPUT_SCALE)[1]
    if any(isinstance(step, Normalise) for step in steps):
        return largest**2 * pixels < LARGEST_FLOAT32  # a norm sums the squares of its samples
    return largest < LARGEST_FLOAT32


def radius_px(steps: Plan, factor: int = 1, multiple: int = 1) -> int:
    """How far a pixel of the output sees, in pixels of the input, for plans without norms.

    factor: how many times as high and wide the output is. multiple: tiles start at multiples of it.
    """
    ranges = (seen(steps, at * factor, (at + 1) * factor) for at in range(multiple))
    return max(max(at - first, last - at - 1) for at, (first, last) in enumerate(ranges))


def widest(steps: Plan, channels: int, scale: float = 1.0) -> float:
    """The most values of any map for each pixel of the input."""
    most, sides = 0.0, 2**12  # a side long enough for borders to be small
    for step in steps:
        if isinstance(step, Residual):
            inner: tuple[Plan, ...] = (step.body,)
        else:
            inner = (step.body, step.exact) if isinstance(step, Sum) else ()
        most = max([most, *(widest(part, channels, scale) for part in inner)])
        scale *= round(step.size(sides) / sides * 8) / 8
        channels = step.channels(channels)
        most = max(most, channels * scale**2)
    return most


def is_split(steps: Plan) -> bool:
    """Whether a plan takes whole levels and parts of levels, see `levels.to_levels`."""
    if not isinstance(steps[0], Mirror):  # only style networks begin so
        return False
    first = next(step for step in steps if isinstance(step, Convolve))
    return bool(first.weight.shape[1] == 2 * COLORS)


def ignores_constants(steps: Plan) -> bool:
    """Whether a constant that is added to a whole image makes no difference to the plan.

    So it is where the first convolution reaches only into mirrored pixels, and a norm follows.
    """
    kinds = tuple(type(step) for step in steps[:3])
    return kinds == (Mirror, Convolve, Normalise)
