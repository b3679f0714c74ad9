"""Feature inversion: which picture does a layer of the loss network see? (paper, figure 3)"""

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses import isotropic_tv
from impasto.losses.weights import check_weight
from impasto.networks import LossNetwork
from impasto.optimization.descent import Stage, check_layers, descend
from impasto.optimization.events import OnEvent, ignore
from impasto.optimization.memory import plan_memory, usable_memory
from impasto.optimization.objective import Loss, PixelObjective
from impasto.optimization.setup import check_picture
from impasto.optimization.strips import network_cost
from impasto.optimization.targets import Targets

ITERATIONS = 200
TV_WEIGHT = 0.1  # for each pixel of a sample's side: relu1 0.1, relu2 0.2 ... relu5 1.6
NOISE = 0.1  # standard deviation of the start around mid-grey


def invert_features(
    loss_network: LossNetwork,
    image: Tensor,
    layer: str,
    *,
    iterations: int = ITERATIONS,
    tv_weight: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    on_event: OnEvent = ignore,
    stage: Stage | None = None,
) -> Tensor:
    """The image that `layer` cannot tell from `image`, (1, 3, H, W) in [0, 1] -> the same shape.

        argmin over x in [0, 1] of |phi(x) - phi(image)|^2 / |phi(image)|^2 + tv_weight * TV(x)

    Mahendran and Vedaldi (arXiv 1412.0035), paper section 3.2: with projected L-BFGS from noise
    around mid-grey, drawn by `seed` alone. TV is their isotropic total variation with exponent 1,
    mean over pixels and channels; its weight is by default 0.1 times the pixels a side for each
    sample of the layer, because the deeper a layer the less it holds down the grain by itself. As
    the feature error is relative, a weight means the same for every photo and loss network.
    dtype: what the loss network computes in. `stage` tells events of what this is a part. The
    image of least value is returned.

    Raises OptionError for a layer that the loss network lacks, an image too small for the layer or
    too large for the memory, and numbers out of range; ImageError for an image that is tiny or of
    one colour; OptimizationError if the objective is not finite.
    """
    if tv_weight is not None:
        check_weight(tv_weight, "tv_weight")
    if iterations < 1:
        raise OptionError(f"got {iterations} iterations; wanted 1 or more")
    check_picture(image, "the photo")
    check_layers(loss_network, [layer], image)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    start = (0.5 + NOISE * noise).clamp(0, 1).to(image.device)
    return descend(
        PixelObjective(_inversion_loss(loss_network, image, layer, tv_weight, dtype), dtype=dtype),
        start,
        iterations=iterations,
        stage=stage or Stage(iterations=iterations),
        on_event=on_event,
    )


def _inversion_loss(
    network: LossNetwork, image: Tensor, layer: str, tv_weight: float | None, dtype: torch.dtype
) -> Loss:
    cost = network_cost(network, [layer], dtype, image.device)
    size_hw = (image.shape[2], image.shape[3])
    plan = plan_memory(size_hw, cost, 0.0, "lbfgs", usable_memory(image.device))
    targets = Targets(network=network, strip_rows=plan.strip_rows, reach_px=cost.reach_px or 0)
    shown = image.contiguous(memory_format=torch.channels_last)
    (term,) = targets.content_terms(shown, {layer: 1.0}, "relative")
    statistics = targets.statistics([term.sum])
    stride = image.shape[2] / term.sum.target.shape[2]
    weight = TV_WEIGHT * stride if tv_weight is None else tv_weight

    def loss(pixels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        content = term.error(statistics(pixels)[0])
        tv = isotropic_tv(pixels, reduction="mean")
        return content + weight * tv, {"content": content, "tv": tv}

    return loss
