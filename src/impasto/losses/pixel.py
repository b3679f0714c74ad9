"""Distances between the pixels themselves."""

from typing import Literal

from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.losses.shapes import accumulation_dtype, check_pair

PixelKind = Literal["squared", "absolute", "charbonnier"]
PIXEL_KINDS: tuple[PixelKind, ...] = ("squared", "absolute", "charbonnier")


def pixel_loss(
    output: Tensor, target: Tensor, *, kind: PixelKind = "squared", epsilon: float = 1e-3
) -> Tensor:
    """Pixel loss, paper section 3.3: two (N, C, H, W) images in [0, 1] -> scalar >= 0.

        squared:     mean of (output - target)^2, the paper's, i.e. sum / (C*H*W)
        absolute:    mean of |output - target| (L1)
        charbonnier: mean of sqrt((output - target)^2 + epsilon^2) - epsilon, a smooth L1

    Mean over the batch too. Charbonnier has its epsilon subtracted, so that equal images give 0.
    Computed in float32 at least. Raises OptionError for another kind, an `epsilon` that is not
    positive, or shapes that differ (a target with a batch of one is allowed).
    """
    if kind not in PIXEL_KINDS:
        raise OptionError(f"got pixel loss kind {kind!r}; choose from {list(PIXEL_KINDS)}")
    if not epsilon > 0:
        raise OptionError(f"got epsilon {epsilon}; wanted a number above 0")
    check_pair(output, target, "an output")
    dtype = accumulation_dtype(output)
    difference = output.to(dtype) - target.to(dtype)
    if kind == "squared":
        return difference.square().mean()
    if kind == "absolute":
        return difference.abs().mean()
    return ((difference.square() + epsilon**2).sqrt() - epsilon).mean()


class PixelLoss(nn.Module):
    """`pixel_loss` of a chosen kind as a module; raises OptionError for an unknown kind."""

    def __init__(self, kind: PixelKind = "squared", *, epsilon: float = 1e-3) -> None:
        super().__init__()
        if kind not in PIXEL_KINDS:
            raise OptionError(f"got pixel loss kind {kind!r}; choose from {list(PIXEL_KINDS)}")
        self.kind: PixelKind = kind
        self.epsilon = epsilon

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return `pixel_loss(output, target)`; raises as it does."""
        return pixel_loss(output, target, kind=self.kind, epsilon=self.epsilon)
