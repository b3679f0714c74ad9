"""An objective over the pixels of one image: its value, its gradient and its named terms."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import OptimizationError
from impasto.events import CancelToken
from impasto.losses.strips import Strips, sums_in_strips
from impasto.losses.terms import LossNetwork, LossTerms, LossWeights, Term, gather
from impasto.optimization.lbfgs import is_finite

# bfloat16 has three digits: a value may rise by this share without having risen.
BFLOAT16_SLACK = 1e-3


class Loss(Protocol):
    """A loss of images with its targets set: PictureLoss, or PerceptualLoss."""

    def terms(self, image: Tensor, /) -> LossTerms:
        """(1, 3, H, W) in [0, 1] -> the unweighted terms."""
        ...

    def total(self, terms: LossTerms) -> Tensor:
        """What is to be minimised, a scalar."""
        ...


class PictureLoss:
    """PerceptualLoss' terms for one image against targets of its size, in bounded memory.

    network: looks at what `seen` makes of the image (None: the image itself), in `strips` if it is
    large. tv: the total variation of that. Terms of weight 0 are not computed.
    """

    def __init__(
        self,
        network: LossNetwork,
        wanted: Sequence[Term],
        weights: LossWeights,
        *,
        tv: Callable[[Tensor], Tensor],
        seen: Callable[[Tensor], Tensor] | None = None,
        strips: Strips | None = None,
    ) -> None:
        self.network = network
        self.wanted = tuple(wanted)
        self.layers = tuple(dict.fromkeys(term.layer for term in wanted))
        self.weights = weights
        self.tv = tv
        self.seen = seen
        self.strips = strips

    def terms(self, image: Tensor, /) -> LossTerms:
        """(1, 3, H, W) in [0, 1] -> the unweighted terms, scalars."""
        shown = image if self.seen is None else self.seen(image)
        sums: Sequence[Tensor] = ()
        if self.wanted and (self.strips is None or self.strips.rows >= shown.shape[2]):
            features = self.network(shown, self.layers)
            sums = [term.sums(features[term.layer]) for term in self.wanted]
        elif self.wanted and self.strips is not None:
            sums = sums_in_strips(self.network, shown, self.wanted, self.strips)
        terms = gather(self.wanted, sums, image.new_zeros(()))
        return terms._replace(tv=self.tv(shown)) if self.weights.tv else terms

    def total(self, terms: LossTerms) -> Tensor:
        """The weighted sum."""
        return self.weights.total(terms)


class PixelObjective:
    """What an optimiser of pixels calls: image -> (value, gradient), in float32.

    With `dtype=torch.bfloat16` the loss network runs under autocast in that precision, which
    makes an iteration on a processor with AMX more than twice as fast; the losses themselves stay
    in float32 (see PerceptualLoss). `terms` are the unweighted ones of the latest call, as
    numbers; `evaluations` counts the calls. cancel: raises Cancelled before the next call. Raises
    OptimizationError, naming the terms, if value or gradient are not finite at the first call.
    """

    def __init__(
        self,
        loss: Loss,
        *,
        dtype: torch.dtype = torch.float32,
        cancel: CancelToken | None = None,
    ) -> None:
        self.loss = loss
        self.dtype = dtype
        self.cancel = cancel
        self.terms: dict[str, float] = {}
        self.evaluations = 0
        self._tried: deque[tuple[float, dict[str, float]]] = deque(maxlen=64)

    def __call__(self, image: Tensor) -> tuple[float, Tensor]:
        """(1, 3, H, W) -> the total and its gradient, of the image's shape and dtype."""
        if self.cancel is not None:
            self.cancel.check()
        pixels = image.detach().requires_grad_(True)
        lowered = self.dtype != torch.float32
        with torch.enable_grad(), torch.autocast(image.device.type, self.dtype, enabled=lowered):
            terms = self.loss.terms(pixels)
            total = self.loss.total(terms)
        (gradient,) = torch.autograd.grad(total, pixels)
        self.evaluations += 1
        self.terms = {name: float(term.detach()) for name, term in terms.named().items()}
        value = float(total.detach())
        self._tried.append((value, self.terms))
        if self.evaluations == 1 and not is_finite(value, gradient):
            broken = [name for name, term in self.terms.items() if not math.isfinite(term)]
            raise OptimizationError(
                f"the objective is {value} at the start (not finite: {broken or 'its gradient'}); "
                "lower the weights of these terms, or use `precision` float32"
            )
        return value, gradient

    @property
    def slack(self) -> float:
        """What a line search forgives: this share of the value."""
        return 0.0 if self.dtype == torch.float32 else BFLOAT16_SLACK

    def terms_of(self, value: float) -> dict[str, float]:
        """The terms of the latest call that gave `value`: of the step taken, not the last tried."""
        return next((terms for tried, terms in reversed(self._tried) if tried == value), {})

    def value(self, image: Tensor) -> float:
        """The total at `image` in float32, without a gradient: for figures and comparisons."""
        with torch.no_grad():
            terms = self.loss.terms(image)
            total = self.loss.total(terms)
        self.terms = {name: float(term) for name, term in terms.named().items()}
        return float(total)
