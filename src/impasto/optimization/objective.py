"""An objective over the pixels of one image: its value, its gradient and its named terms."""

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.errors import OptimizationError
from impasto.losses import PerceptualLoss

# image (1, 3, H, W) in [0, 1] -> the total to be minimised (a scalar), and the terms, by name
Loss = Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]


class PixelObjective:
    """What an optimiser of pixels calls: image -> (value, gradient), in float32.

    With `dtype=torch.bfloat16` the loss network runs under autocast in that precision, which
    makes an iteration on a processor with AMX more than twice as fast; the losses themselves stay
    in float32 (see PerceptualLoss). `terms` are the unweighted ones of the latest call, as
    numbers; `evaluations` counts the calls.
    """

    def __init__(self, loss: Loss, *, dtype: torch.dtype = torch.float32) -> None:
        self.loss = loss
        self.dtype = dtype
        self.terms: dict[str, float] = {}
        self.evaluations = 0

    def __call__(self, image: Tensor) -> tuple[float, Tensor]:
        """(1, 3, H, W) -> the total and its gradient, of the image's shape and dtype."""
        pixels = image.detach().requires_grad_(True)
        lowered = self.dtype != torch.float32
        with torch.enable_grad(), torch.autocast(image.device.type, self.dtype, enabled=lowered):
            total, terms = self.loss(pixels)
        (gradient,) = torch.autograd.grad(total, pixels)
        self.evaluations += 1
        self.terms = {name: float(term.detach()) for name, term in terms.items()}
        return float(total.detach()), gradient

    def value(self, image: Tensor) -> float:
        """The total at `image` in float32, without a gradient: for figures and comparisons."""
        with torch.no_grad():
            total, terms = self.loss(image)
        self.terms = {name: float(term) for name, term in terms.items()}
        return float(total)

    def check(self, image: Tensor) -> None:
        """Raise OptimizationError, naming the terms, if value or gradient is not finite here."""
        value, gradient = self(image)
        broken = [name for name, term in self.terms.items() if not abs(term) < float("inf")]
        if broken or not abs(value) < float("inf") or not bool(torch.isfinite(gradient).all()):
            raise OptimizationError(
                f"the objective is {value} at the start (not finite: {broken or 'its gradient'}); "
                "lower the weights of these terms, or use --precision float32"
            )


def perceptual_objective(
    criterion: PerceptualLoss, *, dtype: torch.dtype = torch.float32
) -> PixelObjective:
    """The objective of paper eq. 5: a criterion whose content and style targets are both set.

    A style network is trained on the same criterion, so that values compare.
    """

    def loss(image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        terms = criterion.terms(image)
        named = {"content": terms.content, "style": terms.style, "tv": terms.tv}
        named |= {f"style {layer}": term for layer, term in terms.style_by_layer.items()}
        return criterion.total(terms), named

    return PixelObjective(loss, dtype=dtype)
