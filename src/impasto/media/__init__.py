"""Picture files to tensors and back: (N, 3, H, W) float32 sRGB in [0, 1].

Lazy (PEP 562), so that photos are read and written as arrays without importing torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.media.colors import keep_colors, luma
    from impasto.media.formats import IMAGE_SUFFIXES, WRITABLE_SUFFIXES, find_images
    from impasto.media.metrics import luma_bt601, psnr, ssim
    from impasto.media.picture import DEFAULT_MAX_PIXELS, Metadata, Picture, scaled_size
    from impasto.media.reading import from_pil, read_picture
    from impasto.media.resizing import (
        imresize,
        resize,
        resize_long_side,
        resize_short_side,
    )
    from impasto.media.sheet import contact_sheet
    from impasto.media.tensor_writing import to_pil, write_picture
    from impasto.media.writing import array_to_pil, check_target, write_array

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "IMAGE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Metadata",
    "Picture",
    "array_to_pil",
    "check_target",
    "contact_sheet",
    "find_images",
    "from_pil",
    "imresize",
    "keep_colors",
    "luma",
    "luma_bt601",
    "psnr",
    "read_picture",
    "resize",
    "resize_long_side",
    "resize_short_side",
    "scaled_size",
    "ssim",
    "to_pil",
    "write_array",
    "write_picture",
]

_HOMES = {
    "DEFAULT_MAX_PIXELS": "impasto.media.picture",
    "IMAGE_SUFFIXES": "impasto.media.formats",
    "WRITABLE_SUFFIXES": "impasto.media.formats",
    "Metadata": "impasto.media.picture",
    "Picture": "impasto.media.picture",
    "array_to_pil": "impasto.media.writing",
    "check_target": "impasto.media.writing",
    "contact_sheet": "impasto.media.sheet",
    "find_images": "impasto.media.formats",
    "from_pil": "impasto.media.reading",
    "imresize": "impasto.media.resizing",
    "keep_colors": "impasto.media.colors",
    "luma": "impasto.media.colors",
    "luma_bt601": "impasto.media.metrics",
    "psnr": "impasto.media.metrics",
    "read_picture": "impasto.media.reading",
    "resize": "impasto.media.resizing",
    "resize_long_side": "impasto.media.resizing",
    "resize_short_side": "impasto.media.resizing",
    "scaled_size": "impasto.media.picture",
    "ssim": "impasto.media.metrics",
    "to_pil": "impasto.media.tensor_writing",
    "write_array": "impasto.media.writing",
    "write_picture": "impasto.media.tensor_writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'impasto.media' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(_HOMES[name]), name)
