"""From a picture file, or whatever else a caller holds as a photo, to a `Picture`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError
from impasto.media.decoding import DecodedPicture, decoded_file, decoded_image
from impasto.media.opening import pillow_warnings_ignored, read_errors_named
from impasto.media.picture import DEFAULT_MAX_PIXELS, Picture
from impasto.media.samples import bands

Photo = str | Path | Image.Image | NDArray[Any] | Tensor
_ARRAYS = "(H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, or float in [0, 1]"
# Resampling and colour conversions leave values a little outside; those are clamped.
TOLERANCE = 1e-3


def read_picture(path: Path | str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC file, whatever its suffix.

    The EXIF orientation is applied, colours are converted to sRGB by the embedded ICC profile (a
    damaged profile is ignored), alpha is split off, and 16-bit samples keep their precision; where
    a 16-bit picture has a profile made of lookup tables, its colours go through 8 bits. Of a TIFF
    with several pages, an MPO or a HEIC burst the first picture is read.

    Raises ImageError, which names the file, for anything that is not one whole still picture of
    at most `max_pixels` pixels. The limit is checked on the header, before memory is used.
    """
    with decoded_file(Path(path), max_pixels) as decoded:
        return _picture(decoded)


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image -> Picture, treated as `read_picture` treats a file; `image` is not changed.

    Of an animation the present frame is taken. Pillow holds RGB with 8 bits at most, so 16-bit
    colour needs `read_picture`. Raises ImageError if the image's own file turns out damaged.
    """
    source = str(getattr(image, "filename", "") or f"image of mode {image.mode}")
    with read_errors_named(source), pillow_warnings_ignored():
        image.load()
        return _picture(decoded_image(image, source, owned=False))


def _picture(decoded: DecodedPicture) -> Picture:
    pixels = torch.empty(1, 3, *decoded.size_hw)
    alpha = torch.empty(1, 1, *decoded.size_hw) if decoded.channels in (2, 4) else None
    for top, bottom in bands(decoded.size_hw):
        rows = torch.from_numpy(decoded.rows(top, bottom)).permute(2, 0, 1)
        if alpha is not None:
            alpha[0, :, top:bottom] = rows[-1:]
            rows = rows[:-1]
        pixels[0, :, top:bottom] = rows  # one grey channel broadcasts to three
    return Picture(
        pixels=pixels,
        alpha=alpha,
        bits=decoded.bits,
        gray=decoded.gray,
        metadata=decoded.metadata,
    )


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


def in_unit_range(values: Tensor, what: str) -> Tensor:
    """Floats within TOLERANCE of [0, 1], any shape -> clamped to it. Raises ImageError."""
    low, high = _extremes(values.detach())
    # Written so that NaN fails too.
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise ImageError(
            f"{what} with values from {low:g} to {high:g}: wanted floats in [0, 1] without NaN; "
            "divide 8-bit values by 255, and add a subtracted mean again"
        )
    return values if low >= 0 and high <= 1 else values.clamp(0, 1)


def _extremes(values: Tensor) -> tuple[float, float]:
    """The least and the greatest; NaN if there is one."""
    if values.device.type == "cpu" and values.dtype == torch.float32:
        # By one thread: PyTorch's others go on waiting for work, in the way of OpenVINO's, which
        # at 256 px costs as much as half of the painting.
        array = values.numpy()
        return float(array.min()), float(array.max())
    low, high = values.aminmax()
    return float(low), float(high)
