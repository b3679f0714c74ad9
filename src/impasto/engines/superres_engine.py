"""One model over one picture, tile by tile, equal to the network on the whole of it."""

import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from impasto.engines.alpha_network import AlphaNetwork
from impasto.engines.color_match import match_colors
from impasto.engines.superres_options import SuperResOptions, ignore
from impasto.engines.tile_network import TileNetwork, choose_superres_dtype, choose_tile_px
from impasto.engines.tile_runner import run_tiles
from impasto.engines.tiles import Box, grown
from impasto.errors import ImageError
from impasto.machine.devices import choose_device
from impasto.media.reading import in_unit_range
from impasto.models import SuperResModel


def upscale_tensor(
    model: SuperResModel,
    low_res: Tensor,
    *,
    strength: float = 1.0,
    color_match: str = "none",
    device: str | torch.device | None = None,
    precision: str = "auto",
    tile_px: int | None = None,
    on_warning: Callable[[str], object] = warnings.warn,
    on_progress: Callable[[float], object] = ignore,
) -> Tensor:
    """Upscale (N, C, h, w) in [0, 1] -> (N, 3, h * factor, w * factor) in [0, 1].

    The result is float32 on the CPU, whatever the device that computes it (default: where the
    model is). C is the model's in_channels, 3, or 4 where the last one is a mask of what is
    missing (1) and known (0). In tiles of `tile_px`, which see as far around them as the network
    does, so that the result is the whole picture's. Where the memory does not suffice tiles become
    smaller, and what is not finite in half precision is done again in float32; `on_warning` is
    told of both. The rest as in SuperResOptions.

    Raises ImageError for other shapes, types and values, OptionError for options that cannot be,
    ModelError if the network gives NaN.
    """
    options = SuperResOptions(
        strength=strength,
        color_match=color_match,
        precision=precision,
        tile_px=tile_px,
        on_warning=on_warning,
        on_progress=on_progress,
    )
    if device is not None:
        model = model.to(choose_device(device) if isinstance(device, str) else device)
    low_res = _checked(low_res, model)
    count, _, height, width = low_res.shape
    output = torch.empty(count, 3, height * model.factor, width * model.factor)
    network = network_for(model, options)
    for index in range(count):
        one = slice(index, index + 1)
        run_network(
            network,
            (height, width),
            see=partial(_part, low_res[one]),
            put=partial(_copy_to, output[one]),
            options=options,
        )
    if options.color_match_of(model) == "histogram":
        output = match_colors(output, low_res[:, :3].cpu(), "histogram")
    return output


def network_for(model: SuperResModel, options: SuperResOptions) -> TileNetwork:
    """What is done to each tile. All of `options` is heeded except for histogram matching."""
    return TileNetwork(
        model=model,
        dtype=choose_superres_dtype(options.precision, model),
        strength=options.strength,
        low_frequencies=options.color_match_of(model) == "low-frequency",
        on_warning=options.on_warning,
    )


def run_network(
    network: TileNetwork | AlphaNetwork,
    size_hw: tuple[int, int],
    *,
    see: Callable[[Box], Tensor],
    put: Callable[[Tensor, Box], object],
    options: SuperResOptions,
    region: Box | None = None,
) -> None:
    """Call the network on every tile of a picture of `size_hw`, or of a `region` of it.

    see: gives a part of the picture as (1, C, h, w) float32. put: takes a finished part and its
    place in the result.
    """
    inner = network.network if isinstance(network, AlphaNetwork) else network
    factor = inner.model.factor

    def work(tile: Box) -> None:
        window = grown(tile, network.radius_px, size_hw, multiple=network.multiple)
        output = network(see(window))
        put(tile.within(window).scaled(factor).of(output), tile.scaled(factor))

    run_tiles(
        size_hw,
        work,
        tile_px=options.tile_px or choose_tile_px(inner.model, inner.dtype),
        multiple=network.multiple,
        region=region,
        on_warning=options.on_warning,
        on_progress=options.on_progress,
    )


def _part(pixels: Tensor, window: Box) -> Tensor:
    return window.of(pixels)


def _copy_to(output: Tensor, part: Tensor, place: Box) -> None:
    place.of(output).copy_(part)


def _checked(low_res: Tensor, model: SuperResModel) -> Tensor:
    channels = model.config.in_channels
    if low_res.ndim != 4 or low_res.shape[1] != channels or 0 in low_res.shape:
        raise ImageError(
            f"low_res {tuple(low_res.shape)}: wanted (N, {channels}, h, w), each at least 1"
        )
    if not low_res.is_floating_point():
        raise ImageError(
            f"low_res of {low_res.dtype}: wanted floats in [0, 1]; divide by the maximum"
        )
    return in_unit_range(low_res.detach().float(), "low_res")
