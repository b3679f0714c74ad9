"""Style networks on pictures of any size in bounded memory, equal to the plain forward.

Instance-norm statistics span the picture, so tiles that are painted one by one do not match. Here
a network's plan runs in passes over the whole picture instead, a convolution each; a pass reads its
input tile by tile, with what the kernel reaches beyond them, writes one output map, and gathers
exact statistics on the way. Normalisation, ReLU, borders and up-sampling are done when the next
pass reads. At most the input and the output map of one convolution exist at once (three in a
residual block), and what is computed at a time stays in the processor's cache.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from impasto.engines.feature_maps import FeatureMap, ImageLevels
from impasto.engines.passes import NewStore, PassRunner, run_plan
from impasto.engines.stores import Memory, MemoryStore, Store
from impasto.engines.tiles import Box
from impasto.machine.precision import NotFiniteError
from impasto.plans.plan_network import has_parts_of_levels
from impasto.plans.rewrite import rewrite


def stylize_in_strips(
    network: nn.Module,
    image: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    tile_hw: tuple[int, int] | None = None,
    recompute: bool = False,
    border: int = 0,
    new_store: NewStore | None = None,
    on_work: Callable[[int], object] = lambda work: None,  # noqa: ARG005
) -> Tensor:
    """What `network(image)` returns, clamped, to within rounding, in bounded memory.

    (N, 3, H, W) float32 in [0, 1] -> the same; any H, W >= 1. Features are held and convolved in
    `dtype`; statistics are exact whatever it is. tile_hw fixes the size of a tile. recompute:
    slower, in half of the memory, and border: see `run_plan`. new_store: where maps are kept, by
    default in the image's memory. on_work: hears of work done, as that of `PassRunner`. All is NaN
    if a map is not finite.
    """
    output = torch.empty_like(image, memory_format=torch.contiguous_format)
    half = dtype.itemsize < 4
    split = half and has_parts_of_levels(image)
    steps = rewrite(network, subpixel=not half, split=split)
    device, size_hw = image.device, (image.shape[-2], image.shape[-1])
    new_store = new_store or _in_memory(device)
    with torch.no_grad():
        for one, into in zip(torch.split(image, 1), torch.split(output, 1), strict=True):
            levels = ImageLevels(_seeing(one), size_hw, dtype, split=split)
            runner = PassRunner(
                device=device, new_store=new_store, tile_hw=tile_hw, on_work=on_work
            )
            try:
                painting = run_plan(
                    steps, levels, runner, device, recompute=recompute, border=border
                )
            except NotFiniteError:
                into.fill_(torch.nan)
                continue
            for box in runner.tiles(painting):
                box.of(into).copy_(painting.part(box))
                on_work(0)
    return output


def _in_memory(device: torch.device) -> NewStore:
    memory = Memory(device)

    def new_store(index: int, source: FeatureMap) -> Store:  # noqa: ARG001
        return MemoryStore(memory, source.channels, source.size_hw, source.dtype)

    return new_store


def _seeing(image: Tensor) -> Callable[[Box], Tensor]:
    return lambda box: box.of(image)
