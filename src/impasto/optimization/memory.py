"""How much memory an optimisation takes, and whether it fits: told before it starts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.losses.strips import ALIGNMENT, Strips
from impasto.machine.memory import unused_memory
from impasto.networks import LossNetwork
from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import StagedLossNetwork
from impasto.networks.loss.winograd import filters_bytes

# Beside the activations that are kept for the gradient: the gradients on their way, and what a
# convolution copies. Measured: see docs/optimizing.md.
WORKING = 1.6
# Image, gradient, moments or L-BFGS' pairs and what the line search holds, in float32 images;
# "none": a painting, which is only looked at.
IMAGES = {"adam": 12, "lbfgs": 32, "none": 2}
IMAGE_BYTES = 3 * 4  # a pixel
FIXED_BYTES = 600 * 2**20  # Python, PyTorch, weights, Gram matrices
FREE_SHARE = 0.8  # of what is unused, for others need some too


# Two sizes, whose difference leaves out what does not grow with the image.
PROBES_PX = (64, 96)


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """What one gradient through a loss network takes.

    `bytes_per_pixel`: of activations that are kept for the gradient. `reach_px`: how far from a
    pixel the features can be that see it, rounded up to ALIGNMENT; None if the network's layers
    do not cut into strips (strides or poolings that are not 2 by 2). `fixed_bytes`: of filters
    that are kept in another form beside the weights, whatever the image.
    """

    bytes_per_pixel: float
    reach_px: int | None
    fixed_bytes: int = 0


def network_cost(
    network: LossNetwork, layers: Sequence[str], dtype: torch.dtype, device: torch.device
) -> NetworkCost:
    """Measure on two small images; `layers` as for the network's call."""
    called: list[nn.Module] = []
    chains = [module for module in network.modules() if isinstance(module, StagedLossNetwork)]
    hooks = [
        stage.register_forward_hook(lambda module, *_: called.append(module))
        for chain in chains
        for stage in chain.stages
    ]
    try:
        less = _kept_bytes(network, layers, dtype, device, PROBES_PX[0])
        more = _kept_bytes(network, layers, dtype, device, PROBES_PX[1])
    finally:
        for hook in hooks:
            hook.remove()
    area = PROBES_PX[1] ** 2 - PROBES_PX[0] ** 2
    blocks = {block for stage in called for block in stage.modules() if isinstance(block, ConvRelu)}
    filters = sum(filters_bytes(block.convolution.weight) for block in blocks)
    return NetworkCost(
        bytes_per_pixel=(more - less) / area,
        reach_px=_reach([[s for s in chain.stages if s in called] for chain in chains]),
        fixed_bytes=filters if (dtype, device.type) == (torch.float32, "cpu") else 0,
    )


def _kept_bytes(
    network: LossNetwork, layers: Sequence[str], dtype: torch.dtype, device: torch.device, px: int
) -> int:
    """What autograd keeps for an image of `px` by `px`, weights in lower precision included."""
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    image = torch.full((1, 3, px, px), 0.5, device=device, requires_grad=True)
    lowered = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
    hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
    with torch.enable_grad(), lowered, hooks:
        features = network(image, layers)
    for held in features.values():
        count(held)
    return sum(kept.values())


def _reach(chains: Sequence[Sequence[nn.Module]]) -> int | None:
    """The largest reach of the chains of stages that ran."""
    found = [_chain_reach(chain) for chain in chains if chain]
    known = [reach for reach in found if reach is not None]
    if not known or len(known) < len(found):
        return None
    return -(-max(known) // ALIGNMENT) * ALIGNMENT


def _chain_reach(stages: Sequence[nn.Module]) -> int | None:
    reach, stride = 0, 1
    for stage in stages:
        if isinstance(stage, ConvRelu) and stage.convolution.stride == (1, 1):
            reach += stage.convolution.kernel_size[0] // 2 * stride
        elif isinstance(stage, Pool) and (stage.kernel, stage.stride, stage.padding) == (2, 2, 0):
            reach += stride
            stride *= 2
        else:
            return None
    return reach if stride <= ALIGNMENT else None


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Rows that go through the loss network at a time (None: all), and the bytes estimated."""

    strip_rows: int | None
    estimate_bytes: int


def plan_memory(
    size_hw: tuple[int, int],
    cost: NetworkCost,
    target_bytes_per_pixel: float,
    optimizer: str,
    limit: int | None,
) -> MemoryPlan:
    """The whole image at once where that fits into `limit` bytes, else in the largest strips.

    Raises OptionError if even the smallest strips do not fit.
    """
    height, width = size_hw
    held = IMAGES[optimizer] * IMAGE_BYTES + target_bytes_per_pixel
    steady = FIXED_BYTES + cost.fixed_bytes + height * width * held
    row = width * cost.bytes_per_pixel * WORKING
    whole = math.ceil(steady + height * row)
    if limit is None or whole <= limit:
        return MemoryPlan(strip_rows=None, estimate_bytes=whole)
    rows, least, margin = 0, whole, 2 * (cost.reach_px or 0)
    if cost.reach_px is not None:
        rows = (int((limit - steady) // row) - margin) // ALIGNMENT * ALIGNMENT
        least = math.ceil(steady + (margin + ALIGNMENT) * row)
    if rows < ALIGNMENT:
        raise OptionError(
            f"optimising {width} x {height} px with this loss network needs about "
            f"{least / 2**30:.1f} GiB of memory, and {limit / 2**30:.1f} GiB may be used; choose a "
            "smaller `size`, `precision` bfloat16, or shallower layers"
        )
    return MemoryPlan(strip_rows=rows, estimate_bytes=math.ceil(steady + (rows + margin) * row))


def strips_that_fit(
    pictures: Sequence[tuple[tuple[int, int], str, float]],
    cost: NetworkCost,
    device: torch.device,
    limit: int | None = None,
) -> Strips | None:
    """In which strips pictures go through the loss network; None: all of them fit as a whole.

    pictures: (height, width) of each, its optimizer ("none" for a painting, which is only looked
    at), and the bytes that its targets take for a pixel. limit: in bytes; None: a share of what is
    unused. Raises OptionError if one does not fit.
    """
    unused = unused_memory(device) if limit is None else None
    limit = limit if unused is None else int(FREE_SHARE * unused)
    plans = [plan_memory(size_hw, cost, held, kind, limit) for size_hw, kind, held in pictures]
    rows = min((plan.strip_rows for plan in plans if plan.strip_rows is not None), default=None)
    return None if rows is None else Strips(rows, cost.reach_px or 0)
