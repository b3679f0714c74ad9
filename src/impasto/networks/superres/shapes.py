"""Name and shape of every tensor of the super-resolution networks. Never imports torch."""

from impasto.networks.superres.config import SuperResConfig

_FILTERS = 64
_PAPER_BLOCKS = 4

Shapes = dict[str, tuple[int, ...]]


def superres_shapes(config: SuperResConfig) -> Shapes:
    """As in the state_dict of `build_superres_network(config)`; () is a counter."""
    filters = round(_FILTERS * config.width)
    if config.architecture == "modern":
        shapes = _conv("head", filters, config.in_channels * config.shrink**2, 3)
        for block in range(config.blocks):
            shapes |= _conv(f"body.{block}.first", filters, filters, 3)
            shapes |= _conv(f"body.{block}.second", filters, filters, 3)
        return shapes | _conv("tail", 3 * (config.factor * config.shrink) ** 2, filters, 3)
    if config.architecture == "paper":
        return _paper(filters, config.factor.bit_length() - 1)
    middle = int(config.architecture.split("-")[2])
    shapes = _conv("layers.0", 64, 1, 9) | _conv("layers.2", 32, 64, middle)
    return shapes | _conv("layers.4", 1, 32, 5)


def _paper(filters: int, doublings: int) -> Shapes:
    shapes = _conv("layers.0", filters, 3, 9) | _norm("layers.1", filters)
    for block in range(3, 3 + _PAPER_BLOCKS):
        for conv in (0, 3):
            shapes |= _conv(f"layers.{block}.body.{conv}", filters, filters, 3)
            shapes |= _norm(f"layers.{block}.body.{conv + 1}", filters)
    start = 3 + _PAPER_BLOCKS
    for up in range(start, start + 3 * doublings, 3):
        shapes |= _conv(f"layers.{up}", filters, filters, 3) | _norm(f"layers.{up + 1}", filters)
    return shapes | _conv(f"layers.{start + 3 * doublings}", 3, filters, 9)


def _conv(name: str, outputs: int, inputs: int, size: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, size, size), f"{name}.bias": (outputs,)}


def _norm(name: str, channels: int) -> Shapes:
    """Batch norm."""
    vectors = ("weight", "bias", "running_mean", "running_var")
    shapes: Shapes = {f"{name}.{each}": (channels,) for each in vectors}
    return shapes | {f"{name}.num_batches_tracked": ()}
