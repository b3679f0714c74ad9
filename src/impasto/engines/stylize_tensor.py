"""Paint image tensors: checked values in, clamped values out, whatever the size."""

import numpy as np
import torch
from torch import Tensor

from impasto.engines.memory import check_memory, is_out_of_memory
from impasto.engines.strips import stylize_in_strips
from impasto.errors import ImageError, ModelError, OptionError
from impasto.machine.devices import Precision, choose_dtype
from impasto.media import keep_colors as with_colors_of
from impasto.media.reading import in_unit_range
from impasto.models import StyleModel


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
    precision: of the features, see `choose_dtype`. What is not finite in bfloat16 is done again in
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


def check_strength(strength: float) -> None:
    """Raise OptionError unless `strength` lies in [0, 1]."""
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not number or not 0 <= strength <= 1:
        raise OptionError(f"strength {strength!r}: must lie between 0, the photo, and 1, the style")


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
    try:
        with torch.autocast(model.device.type, enabled=False):
            output = stylize_in_strips(model.network, image, dtype=dtype)
            if dtype != torch.float32 and not is_finite(output):
                output = stylize_in_strips(model.network, image, dtype=torch.float32)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        height, width = image.shape[-2:]
        raise OptionError(
            f"not enough memory to paint {width} x {height} px; a smaller size needs less"
        ) from error
    if not is_finite(output):
        raise ModelError(f"style {model.name!r} gives NaN or infinity; train or download it anew")
    return output


def is_finite(output: Tensor) -> bool:
    """Whether a painting has neither NaN nor infinity in it."""
    # The network ends in tanh, so a sum cannot overflow, and unlike isfinite() it needs no map.
    if output.device.type == "cpu" and output.dtype == torch.float32:
        return bool(np.isfinite(output.numpy().sum()))  # see `in_unit_range`
    return bool(torch.isfinite(output.sum()))
