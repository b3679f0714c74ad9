"""One model over one picture, tile by tile, equal to the network on the whole of it."""

from collections.abc import Callable

from torch import Tensor

from impasto.engines.alpha_network import AlphaNetwork
from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_network import TileNetwork, choose_superres_dtype, choose_tile_px
from impasto.engines.tile_runner import run_tiles
from impasto.engines.tiles import Box, grown, whole
from impasto.models import SuperResModel


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
        region or whole(size_hw),
        work,
        tile_px=options.tile_px or choose_tile_px(inner.model, inner.dtype),
        multiple=network.multiple,
        on_warning=options.on_warning,
        on_progress=options.on_progress,
    )
