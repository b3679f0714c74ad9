"""Style reconstruction: do the same channels fire together as in the style image?"""

from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.losses.gram import gram_matrix


def style_loss(features: Tensor, target: Tensor) -> Tensor:
    """Style reconstruction of one layer, paper eq. 4: (N, C, H, W), (N or 1, C, C) -> scalar >= 0.

        loss = || gram_matrix(features) - target ||_F^2, mean over the batch

    `target` is the Gram matrix of the style image's features, which may have any height and
    width: eq. 3 divides the size out. A target with a batch of one serves the whole batch. The
    paper sums the layers: sum the calls. Raises OptionError if the shapes do not fit.
    """
    return style_errors(gram_matrix(features), target).mean()


def style_errors(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of each item: (N, C, C) and (N or 1, C, C) -> (N,)."""
    if (
        target.dim() != 3
        or target.shape[1:] != gram.shape[1:]
        or target.shape[0] not in (1, gram.shape[0])
    ):
        raise OptionError(
            f"got a style target of shape {tuple(target.shape)} for Gram matrices of shape "
            f"{tuple(gram.shape)}; wanted (1, C, C) or (N, C, C): compute it with gram_matrix from "
            "the same layer of the same loss network"
        )
    return (gram - target.to(gram.dtype)).square().sum(dim=(1, 2))


class StyleLoss(nn.Module):
    """Style reconstruction (eq. 4) against one fixed Gram target, (1 or N, C, C), kept detached."""

    target: Tensor

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.register_buffer("target", target.detach(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return `style_loss(features, target)`; raises as it does."""
        return style_loss(features, self.target)
