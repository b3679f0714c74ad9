"""Paint image tensors: checked values in, clamped values out, whatever the size."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from impasto.engines.memory import check_memory
from impasto.engines.strips import stylize_in_strips
from impasto.engines.superres_options import check_strength
from impasto.errors import ImageError, OptionError
from impasto.machine.devices import Precision, choose_dtype
from impasto.machine.memory import is_out_of_memory
from impasto.machine.precision import in_range, is_finite
from impasto.media import keep_colors as with_colors_of
from impasto.media.reading import in_unit_range
from impasto.models import StyleModel

__all__ = ["check_strength", "is_finite", "stylize_tensor", "tempered"]


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
    def strips(precision: str) -> Tensor:
        return stylize_in_strips(model.network, image, dtype=getattr(torch, precision))

    name = f"style {model.name!r}"
    with out_of_memory_told(image), torch.autocast(model.device.type, enabled=False):
        return in_range(strips, str(dtype).removeprefix("torch."), name=name)


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
