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
    from impasto.media.resizing import imresize, resize, resize_long_side
    from impasto.media.sheet import contact_sheet
    from impasto.media.tensor_writing import to_pil, write_picture
    from impasto.media.writing import check_target, write_array

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "IMAGE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Metadata",
    "Picture",
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
    "scaled_size",
    "ssim",
    "to_pil",
    "write_array",
    "write_picture",
]

_HOMES = {
    "colors": ("keep_colors", "luma"),
    "formats": ("IMAGE_SUFFIXES", "WRITABLE_SUFFIXES", "find_images"),
    "metrics": ("luma_bt601", "psnr", "ssim"),
    "picture": ("DEFAULT_MAX_PIXELS", "Metadata", "Picture", "scaled_size"),
    "reading": ("from_pil", "read_picture"),
    "resizing": ("imresize", "resize", "resize_long_side"),
    "sheet": ("contact_sheet",),
    "tensor_writing": ("to_pil", "write_picture"),
    "writing": ("check_target", "write_array"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"impasto.media.{home}"), name)
    raise AttributeError(f"module 'impasto.media' has no attribute {name!r}; it has {__all__}")
