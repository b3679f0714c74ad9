"""Texture synthesis: a picture with the feature statistics of a painting (paper, figure 4)."""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.events import OnEvent, ignore
from impasto.losses import LossWeights, squared_tv
from impasto.losses.regions import Region, region_terms
from impasto.media import resize
from impasto.networks import LossNetwork
from impasto.networks.padding import reflect_pad
from impasto.optimization.config import ITERATIONS, LayerWeights, TextureConfig
from impasto.optimization.descent import Stage, descend
from impasto.optimization.memory import NetworkCost, network_cost, strips_that_fit
from impasto.optimization.modes import scaled
from impasto.optimization.objective import PictureLoss
from impasto.optimization.pictures import check_layers, check_picture
from impasto.option_types import layer_weights

# How far a seamless texture is continued for a network that does not tell how far it sees.
SEAM_PX = 64


def synthesize_texture(
    network: LossNetwork,
    painting: Tensor,
    layers: LayerWeights,
    *,
    dtype: torch.dtype = torch.float32,
    on_event: OnEvent = ignore,
    **options: Any,
) -> Tensor:
    """A picture of the painting's style alone: (1, 3, H, W) in [0, 1] -> (1, 3, height, width).

    options: see `TextureConfig`. Raises as `texture_stages`, and OptimizationError if the objective
    is not finite.
    """
    config = TextureConfig(layers=layer_weights(layers, "style"), **options)
    stages = texture_stages(network, painting, config, dtype)
    return descend(stages, on_event=on_event).kept(on_interrupt=False).images[-1]


def texture_stages(
    network: LossNetwork, painting: Tensor, config: TextureConfig, dtype: torch.dtype
) -> list[Stage]:
    """How a picture of the painting's style alone is made: (1, 3, H, W) in [0, 1].

        argmin over x in [0, 1] of mean over layers of |G(x) - G(painting)|^2 / |G(painting)|^2

    Texture synthesis (Gatys et al., arXiv 1505.07376), paper section 3.2, by projected L-BFGS from
    white noise of the painting's colours, drawn by the seed alone. The result has the painting's
    scale whatever its size. dtype: what the loss network computes in.

    Coarse to fine: the first stage works on painting and texture reduced by a power of two, so that
    the shortest of their sides is `coarsest_px` or a little more, the last one at full size. That
    brings order into what the layers do not see at full size. `coarsest_px=0` is the papers' way,
    full size alone. The iterations are shared out evenly.

    Raises OptionError for a layer that the loss network lacks or a size that is too small for it,
    ImageError for a painting that is tiny or of one colour. A stage that is too large for the
    memory raises OptionError when it begins.
    """
    check_picture(painting, "the painting")
    check_layers(network, list(config.layers), painting)
    painting_hw = (painting.shape[2], painting.shape[3])
    whole_hw = painting_hw if config.size_wh is None else config.size_wh[::-1]
    cost = network_cost(network, list(config.layers), dtype, painting.device)
    resized = resize_periodic if config.seamless else resize

    def loss(scale: float) -> PictureLoss:
        small = resize(painting, scaled(painting_hw, scale))
        return texture_loss(network, small, config, scaled(whole_hw, scale), cost)

    def start(scale: float, best: Tensor | None) -> Tensor:
        texture = _noise(painting, whole_hw, config.seed) if best is None else best
        return resized(texture, scaled(whole_hw, scale))

    left = config.iterations or ITERATIONS
    scales = _scales(min(*whole_hw, *painting_hw), config.coarsest_px)[-left:]
    stages = []
    for number, scale in enumerate(scales):
        count = left // (len(scales) - number)
        left -= count
        stages.append(
            Stage(
                iterations=count,
                loss=partial(loss, scale),
                start=partial(start, scale),
                dtype=dtype,
            )
        )
    return stages


def texture_loss(
    network: LossNetwork,
    painting: Tensor,
    config: TextureConfig,
    size_hw: tuple[int, int],
    cost: NetworkCost,
) -> PictureLoss:
    """The relative style error of images of a size: 0 for equal Gram matrices.

    Seamless: the network sees the image continued by its own opposite edges, and Gram matrices
    are taken over the image itself. Raises OptionError if it does not fit into the memory.
    """
    border_px = (cost.reach_px or SEAM_PX) if config.seamless else 0
    weights = config.layers
    shown = painting.new_zeros(1, 3, size_hw[0] + 2 * border_px, size_hw[1] + 2 * border_px)
    # The painting may be the larger one, and must fit as well.
    kinds = (("lbfgs", shown), ("none", painting))
    strips = strips_that_fit(
        [((each.shape[2], each.shape[3]), kind, 0.0) for kind, each in kinds],
        cost,
        painting.device,
        config.max_memory_bytes,
    )
    region = Region(style=painting)
    if border_px:
        # The painting has no edge either: what zero padding makes of edges is no part of its style.
        region = Region(
            style=reflect_pad(painting, *(border_px,) * 4),
            mask=_inside(painting.new_ones(1, 1, *size_hw), border_px),
            style_mask=_inside(painting, border_px),
        )
    shares = {layer: weight / sum(weights.values()) for layer, weight in weights.items()}
    return PictureLoss(
        network,
        region_terms(network, shown, [region], shares, scale="relative", strips=strips),
        LossWeights(content=0.0, style=1.0, tv=0.0),
        tv=partial(squared_tv, reduction="mean"),
        seen=partial(wrapped, border_px=border_px),
        strips=strips,
    )


def _inside(image: Tensor, border_px: int) -> Tensor:
    """1 on the image itself, 0 on a border around it: (1, 1, H + 2 border, W + 2 border)."""
    return F.pad(torch.ones_like(image[:, :1]), (border_px,) * 4)


def wrapped(image: Tensor, border_px: int) -> Tensor:
    """The image continued by its own opposite edges, on all sides, however small it is."""
    if not border_px:
        return image
    for dim in (2, 3):
        side = image.shape[dim]
        places = torch.arange(-border_px, side + border_px, device=image.device) % side
        image = image.index_select(dim, places)
    return image


def resize_periodic(image: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """`resize` of one tile of a plane full of it: (1, C, H, W) -> (1, C, *size_hw).

    Without this every stage would begin with a crease at the edges, and keep it.
    """
    for dim, side in ((2, size_hw[0]), (3, size_hw[1])):
        if image.shape[dim] == side:
            continue
        whole = [image.shape[2], image.shape[3]]
        whole[dim - 2] = 3 * side
        three = resize(torch.cat([image] * 3, dim), (whole[0], whole[1]))
        image = three.narrow(dim, side, side)
    return image


def _scales(short_side: int, coarsest_px: int) -> list[float]:
    """1/4, 1/2, 1: as long as the short side has `coarsest_px` (0: full size alone)."""
    scales = [1.0]
    while coarsest_px and short_side * scales[0] / 2 >= coarsest_px:
        scales.insert(0, scales[0] / 2)
    return scales


def _noise(painting: Tensor, size_hw: tuple[int, int], seed: int) -> Tensor:
    """White noise of the painting's colours."""
    generator = torch.Generator().manual_seed(seed)
    pixels = painting.detach().cpu().float().flatten(2)
    drawn = torch.randint(pixels.shape[2], (size_hw[0] * size_hw[1],), generator=generator)
    return pixels[:, :, drawn].reshape(1, 3, *size_hw).to(painting.device)
