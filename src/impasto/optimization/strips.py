"""What may be cut into horizontal strips: how far a loss network sees, and where to cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import LossNetwork, StagedLossNetwork
from impasto.networks.winograd import filters_bytes

# Two sizes, whose difference leaves out what does not grow with the image.
PROBES_PX = (64, 96)
# Positions of strips are multiples of this, so that every pooling cuts as in the whole image.
ALIGNMENT = 32


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
        kept = [_kept_bytes(network, layers, dtype, device, px) for px in PROBES_PX]
    finally:
        for hook in hooks:
            hook.remove()
    area = PROBES_PX[1] ** 2 - PROBES_PX[0] ** 2
    return NetworkCost(
        bytes_per_pixel=(kept[1] - kept[0]) / area,
        reach_px=_reach([[s for s in chain.stages if s in called] for chain in chains]),
        fixed_bytes=_filters_bytes(called) if (dtype, device.type) == (torch.float32, "cpu") else 0,
    )


def _filters_bytes(called: Sequence[nn.Module]) -> int:
    blocks = {block for stage in called for block in stage.modules() if isinstance(block, ConvRelu)}
    return sum(filters_bytes(block.convolution.weight) for block in blocks)


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
class Strip:
    """Rows [top, bottom) of an image are its own; the network is shown rows [above, below)."""

    top: int
    bottom: int
    above: int
    below: int
    last: bool


def strips_of(height: int, rows: int, reach_px: int) -> Iterator[Strip]:
    """Cut an image of `height` into strips of `rows` rows; both numbers multiples of ALIGNMENT.

    A rest of fewer rows than the network's coarsest stride stays with the strip before it.
    """
    tops = list(range(0, height, rows))
    if len(tops) > 1 and height - tops[-1] < ALIGNMENT:
        tops.pop()
    for top, bottom in zip(tops, [*tops[1:], height], strict=True):
        above, below = max(0, top - reach_px), min(height, bottom + reach_px)
        yield Strip(top=top, bottom=bottom, above=above, below=below, last=bottom == height)


def own_rows(feature_rows: int, strip: Strip) -> tuple[slice, slice]:
    """The strip's own rows in a layer of `feature_rows` rows: within it, and within the whole.

    The layer's stride is a power of two, for networks that cut into strips.
    """
    stride = 1
    while (strip.below - strip.above) // stride > feature_rows:
        stride *= 2
    start = (strip.top - strip.above) // stride
    stop = feature_rows if strip.last else start + (strip.bottom - strip.top) // stride
    first = strip.top // stride
    return slice(start, stop), slice(first, first + stop - start)
