"""Style reconstruction: a texture with the feature statistics of a painting (paper, figure 4)."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.weights import layer_weights
from impasto.media import resize
from impasto.networks import LossNetwork
from impasto.networks.padding import reflect_pad
from impasto.optimization.descent import Stage, check_layers, descend
from impasto.optimization.events import OnEvent, ignore
from impasto.optimization.memory import plan_memory, usable_memory
from impasto.optimization.objective import PixelObjective
from impasto.optimization.picture_loss import PictureLoss, PictureWeights
from impasto.optimization.regions import Region
from impasto.optimization.setup import check_picture
from impasto.optimization.strips import NetworkCost, network_cost
from impasto.optimization.targets import Targets

ITERATIONS = 200
COARSEST_PX = 32  # short side of the painting, or of the texture, in the first stage
# How far a seamless texture is continued for a network that does not tell how far it sees.
SEAM_PX = 64


def synthesize_texture(
    loss_network: LossNetwork,
    painting: Tensor,
    layers: Sequence[str] | Mapping[str, float],
    *,
    size_hw: tuple[int, int] | None = None,
    iterations: int = ITERATIONS,
    seamless: bool = False,
    coarsest_px: int = COARSEST_PX,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    on_event: OnEvent = ignore,
) -> Tensor:
    """A picture of the painting's style alone: (1, 3, H, W) in [0, 1] -> (1, 3, *size_hw).

        argmin over x in [0, 1] of mean over layers of |G(x) - G(painting)|^2 / |G(painting)|^2

    Texture synthesis (Gatys et al., arXiv 1505.07376), paper section 3.2, by projected L-BFGS from
    white noise of the painting's colours, drawn by `seed` alone. `layers` are names, or name ->
    weight. The result has the painting's scale whatever its size, by default the painting's own.

    Coarse to fine: the first stage works on painting and texture reduced by a power of two, so that
    the shortest of their sides is `coarsest_px` or a little more, the last one at full size. That
    brings order into what the layers do not see at full size. `coarsest_px=0` is the papers' way,
    full size alone. The iterations are shared out evenly.

    seamless: the result continues at the opposite edge, so that it tiles the plane: the network is
    shown it continued so, as far as it can see. dtype: what the loss network computes in.

    Raises OptionError for a layer that the loss network lacks, a size that is too small for the
    layers or too large for the memory, and numbers out of range; ImageError for a painting that is
    tiny or of one colour; OptimizationError if the objective is not finite.
    """
    check_picture(painting, "the painting")
    weights = layer_weights(layers, "style")
    if not sum(weights.values()) > 0:
        raise OptionError(f"got style layers {dict(weights)}; give at least one with a weight")
    check_layers(loss_network, list(weights), painting)
    height, width = size_hw or (painting.shape[-2], painting.shape[-1])
    if min(height, width) < 1 or iterations < 1 or coarsest_px < 0:
        raise OptionError(
            f"got a texture of {width} x {height} px, {iterations} iterations, coarsest_px "
            f"{coarsest_px}; wanted 1 or more, and 0 or more for the last"
        )
    scales = _scales(min(height, width, *painting.shape[-2:]), coarsest_px)[-iterations:]
    cost = network_cost(loss_network, list(weights), dtype, painting.device)
    texture = _noise(painting, (height, width), seed)
    done = 0
    for number, scale in enumerate(scales, start=1):
        count = (iterations - done) // (len(scales) - number + 1)
        size_now = _scaled((height, width), scale)
        texture = (resize_periodic if seamless else resize)(texture, size_now)
        small = resize(painting, _scaled((painting.shape[2], painting.shape[3]), scale))
        loss = texture_loss(loss_network, small, weights, texture, cost, seamless=seamless)
        texture = descend(
            PixelObjective(loss, dtype=dtype),
            texture,
            iterations=count,
            stage=Stage(number=number, count=len(scales), before=done, iterations=iterations),
            on_event=on_event,
        )
        done += count
    return texture


def texture_loss(
    network: LossNetwork,
    painting: Tensor,
    weights: Mapping[str, float],
    texture: Tensor,
    cost: NetworkCost,
    *,
    seamless: bool,
) -> PictureLoss:
    """The relative style error of images of the texture's size: 0 for equal Gram matrices.

    Seamless: the network sees the image continued by its own opposite edges, and Gram matrices
    are taken over the image itself. Raises OptionError if it does not fit into the memory.
    """
    reach_px = SEAM_PX if cost.reach_px is None else cost.reach_px
    border_px = reach_px if seamless else 0
    shown = wrapped(texture, border_px)
    size_hw = (shown.shape[2], shown.shape[3])
    # The painting may be the larger one, and must fit as well.
    rows = [
        plan_memory(each, cost, 0.0, kind, usable_memory(texture.device)).strip_rows
        for kind, each in (("lbfgs", size_hw), ("none", (painting.shape[2], painting.shape[3])))
    ]
    strip_rows = min((each for each in rows if each is not None), default=None)
    targets = Targets(network=network, strip_rows=strip_rows, reach_px=cost.reach_px or 0)
    region = Region(style=painting)
    if border_px:
        # The painting has no edge either: what zero padding makes of edges is no part of its style.
        mirrored = reflect_pad(painting, *(border_px,) * 4)
        region = Region(
            style=mirrored,
            mask=_inside(texture, border_px),
            style_mask=_inside(painting, border_px),
        )
    shares = {layer: weight / sum(weights.values()) for layer, weight in weights.items()}
    return PictureLoss(
        (),
        targets.style_terms(shown, [region], shares, "relative"),
        PictureWeights(content=0.0, style=1.0, tv=0.0, mean_tv=True),
        targets.statistics,
        seen=lambda image: wrapped(image, border_px),
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


def _scaled(size_hw: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def _noise(painting: Tensor, size_hw: tuple[int, int], seed: int) -> Tensor:
    """White noise of the painting's colours."""
    generator = torch.Generator().manual_seed(seed)
    pixels = painting.detach().cpu().float().flatten(2)
    drawn = torch.randint(pixels.shape[2], (size_hw[0] * size_hw[1],), generator=generator)
    return pixels[:, :, drawn].reshape(1, 3, *size_hw).to(painting.device)
