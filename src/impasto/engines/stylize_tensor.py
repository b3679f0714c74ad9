"""Paint image tensors: checked values in, clamped values out, whatever the size.

Instance-norm statistics span the picture, so tiles that are painted one by one do not match. Here
a network's plan runs in passes over the whole picture instead, a convolution each; a pass reads its
input tile by tile, with what the kernel reaches beyond them, writes one output map, and gathers
exact statistics on the way. Normalisation, ReLU, borders and up-sampling are done when the next
pass reads. At most the input and the output map of one convolution exist at once (three in a
residual block), and what is computed at a time stays in the processor's cache.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from impasto.engines.feature_maps import FeatureMap, ImageLevels
from impasto.engines.memory import check_memory
from impasto.engines.passes import NewStore, PassRunner, run_plan
from impasto.engines.stores import Memory, MemoryStore, Store
from impasto.engines.superres_options import check_strength
from impasto.engines.tiles import Box
from impasto.errors import ImageError, OptionError
from impasto.machine.devices import Precision, choose_dtype
from impasto.machine.memory import is_out_of_memory
from impasto.machine.precision import NotFiniteError, is_finite, ladder
from impasto.media import keep_colors as with_colors_of
from impasto.media.reading import in_unit_range
from impasto.models import StyleModel
from impasto.plans.plan_network import has_parts_of_levels
from impasto.plans.rewrite import rewrite

__all__ = ["check_strength", "is_finite", "stylize_in_strips", "stylize_tensor", "tempered"]


def stylize_tensor(
    model: StyleModel,
    image: Tensor,
    *,
    strength: float = 1.0,
    keep_colors: bool = False,
    precision: Precision = "auto",
    max_memory_bytes: int | None = None,
) -> Tensor:
    """Paint (N, 3, H, W) RGB in [0, 1] -> the same shape in [0, 1], float32, on image's device.

    It is computed by PyTorch on the model's device, tile by tile with the whole picture's
    statistics, so there are no seams, and without anything made ready before: for one image, or a
    network that is being trained: it is the network's own picture. An `Engine` is faster, and
    paints the edges within a continuation.

    strength: 0 is the image itself, 1 the full style; between them the pixels are blended
    linearly in sRGB, so every pixel moves steadily from one to the other.
    keep_colors: luma from the painting, chrominance from the image.
    precision: of the features, see `choose_dtype`. What overflows in bfloat16 is recomputed in
    float32.
    max_memory_bytes: refuse what is estimated to need more; default: the device's whole memory.

    Raises ImageError for other shapes, types and values, OptionError for options out of range
    and for images too large for the memory, ModelError if the network gives NaN.
    """
    check_strength(strength)
    image = checked_image(image)
    if strength == 0:
        return image.clone()
    dtype = choose_dtype(precision, model.device)
    size_hw = (image.shape[-2], image.shape[-1])
    check_memory(model.network, size_hw, dtype, model.device, max_memory_bytes)
    output = _paint(model, image.to(model.device), dtype).to(image.device)
    return tempered(output, image, strength=strength, keep_colors=keep_colors)


def tempered(output: Tensor, image: Tensor, *, strength: float, keep_colors: bool) -> Tensor:
    """A painting in full strength, and its image -> what `stylize_tensor` gives."""
    if keep_colors:
        output = with_colors_of(output, image)
    return output if strength == 1 else torch.lerp(image, output, strength)


def checked_image(image: Tensor) -> Tensor:
    """(N, 3, H, W) float32 in [0, 1], without gradient. Raises ImageError for anything else."""
    if image.layout != torch.strided or image.is_meta:
        raise ImageError("image without plain values (sparse, or on the meta device): wanted them")
    if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape:
        raise ImageError(f"image {tuple(image.shape)}: wanted (N, 3, H, W), each at least 1")
    if not image.is_floating_point():
        raise ImageError(f"image of {image.dtype}: wanted floats in [0, 1]; divide by the maximum")
    return in_unit_range(image.detach().float(), "image")


def _paint(model: StyleModel, image: Tensor, dtype: torch.dtype) -> Tensor:
    wanted = str(dtype).removeprefix("torch.")
    with out_of_memory_told(image), torch.autocast(model.device.type, enabled=False):
        for precision in ladder(wanted, name=f"style {model.name!r}"):
            output = stylize_in_strips(model.network, image, dtype=getattr(torch, precision))
            if is_finite(output):
                break
    return output


@contextmanager
def out_of_memory_told(image: Tensor) -> Iterator[None]:
    """Raises OptionError where the memory did not suffice to paint an image."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        height, width = image.shape[-2:]
        raise OptionError(
            f"not enough memory to paint {width} x {height} px; a smaller size needs less"
        ) from error


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
