"""Picture files to tensors and back: (N, 3, H, W) float32 sRGB in [0, 1]."""

from impasto.media.colors import keep_colors, luma
from impasto.media.folders import find_images
from impasto.media.formats import IMAGE_SUFFIXES, WRITABLE_SUFFIXES
from impasto.media.imresize import imresize
from impasto.media.metrics import luma_bt601, psnr, ssim
from impasto.media.picture import DEFAULT_MAX_PIXELS, Metadata, Picture
from impasto.media.reading import from_pil, read_picture
from impasto.media.resizing import resize, resize_long_side, resize_short_side, scaled_size
from impasto.media.sheet import contact_sheet
from impasto.media.writing import (
    array_to_pil,
    check_target,
    to_pil,
    write_array,
    write_picture,
)

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
