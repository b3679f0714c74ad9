"""Whatever a caller holds as a photo -> a `Picture`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError
from impasto.media.picture import Picture
from impasto.media.ranges import in_unit_range
from impasto.media.reading import from_pil, read_picture

Photo = str | Path | Image.Image | NDArray[Any] | Tensor
_ARRAYS = "(H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, or float in [0, 1]"


def as_picture(photo: Photo) -> Picture:
    """Read a path, or convert a Pillow image, an array or a tensor.

    Arrays: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, of uint8, uint16, or float in [0, 1].
    Tensors: (3, H, W) or (1, 3, H, W) RGB, float in [0, 1]. All are taken as sRGB. Raises
    ImageError for anything else.
    """
    if isinstance(photo, str | Path):
        return read_picture(Path(photo))
    if isinstance(photo, Image.Image):
        return from_pil(photo)
    if isinstance(photo, np.ndarray):
        return _from_array(photo)
    if isinstance(photo, Tensor):
        return _from_tensor(photo)
    raise ImageError(
        f"photo of type {type(photo).__name__}: wanted a path, a Pillow image, an array or a tensor"
    )


def _from_array(array: NDArray[Any]) -> Picture:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and channels not in (3, 4)):
        raise ImageError(f"array of shape {array.shape}: wanted {_ARRAYS}")
    if array.dtype in (np.uint8, np.uint16):
        scale = float(np.iinfo(array.dtype).max)
    elif np.issubdtype(array.dtype, np.floating):
        scale = 1.0
    else:
        raise ImageError(f"array of {array.dtype}: wanted {_ARRAYS}")
    values = torch.from_numpy(array.astype(np.float32)) / scale
    if scale == 1.0:
        values = in_unit_range(values, "array")
    planes = values.reshape(*array.shape[:2], channels).permute(2, 0, 1)[None]
    return Picture(
        pixels=planes.expand(-1, 3, -1, -1).contiguous() if channels == 1 else planes[:, :3],
        alpha=planes[:, 3:] if channels == 4 else None,
        bits=16 if array.dtype == np.uint16 else 8,
        gray=channels == 1,
    )


def _from_tensor(tensor: Tensor) -> Picture:
    pixels = tensor[None] if tensor.ndim == 3 else tensor
    if pixels.ndim != 4 or pixels.shape[:2] != (1, 3) or 0 in pixels.shape:
        raise ImageError(f"tensor of shape {tuple(tensor.shape)}: wanted (3, H, W) or (1, 3, H, W)")
    if not pixels.is_floating_point():
        raise ImageError(f"tensor of {tensor.dtype}: wanted floats in [0, 1]; divide by 255")
    return Picture(pixels=in_unit_range(pixels.detach().to("cpu", torch.float32), "tensor"))
