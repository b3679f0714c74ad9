"""Paint photos: anything that is a picture in, a Pillow image or a file out."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.inference.engine import check_strength, stylize_tensor, tempered
from impasto.inference.memory import check_memory
from impasto.inference.style_engine import Engine
from impasto.media import (
    DEFAULT_MAX_PIXELS,
    Picture,
    read_picture,
    resize_long_side,
    to_pil,
    write_picture,
)
from impasto.media.photos import Photo, as_picture
from impasto.media.transparency import fill_hidden
from impasto.models import StyleModel, load_style_model
from impasto.networks.devices import Precision, choose_device


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a photo is to be painted: the options that all functions here share."""

    size: int | None = None
    strength: float = 1.0
    keep_colors: bool = False
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_size(self.size)


def check_size(size: int | None) -> None:
    """Raise OptionError unless `size` is None or a whole number from 1 on."""
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise OptionError(f"size {size!r}: the long side in pixels, a whole number from 1 on")


def stylize(
    photo: Photo,
    style: str | Path | StyleModel,
    *,
    size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    device: str = "auto",
    precision: Precision = "auto",
) -> Image.Image:
    """Paint a photo in a style -> an 8-bit Pillow image, RGB, or RGBA if the photo has alpha.

    photo: a path, a Pillow image, an array ((H, W), (H, W, 3), (H, W, 4); uint8, uint16, or float
    in [0, 1]) or a tensor ((3, H, W) or (1, 3, H, W), float in [0, 1]). Grey photos are painted
    in colour. style: a bundled style's name, the path of a style file, or a loaded `StyleModel`.

    size: long side of the result in pixels (default: the photo's own). strength: from 0, the
    photo, to 1, the full style; a linear blend. keep_colors: brush strokes of the style, colours
    of the photo. device: "auto", "cpu", "cuda" or "mps". precision: "auto", "float32" or
    "bfloat16".

    Raises ImageError, ModelError or OptionError, each with what to do.
    """
    look = Look(size=size, strength=strength, keep_colors=keep_colors, precision=precision)
    where = choose_device(device)
    model = style if isinstance(style, StyleModel) else load_style_model(style)
    painting = _paint(as_picture(photo), model.to(where), look)
    return to_pil(painting.pixels, painting.alpha)


def stylize_file(
    source: Path,
    target: Path,
    model: StyleModel | Engine,
    *,
    size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    keep_metadata: bool = True,
    device: str = "auto",
    precision: Precision = "auto",
    quality: int = 95,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> None:
    """Paint the picture file `source` into `target`, atomically; the format is the suffix's.

    Alpha is kept, and so are 16 bits where the format can hold them. keep_metadata: carry EXIF,
    XMP and resolution over. quality: of JPEG, WebP and AVIF. max_pixels: refuse larger sources.
    An `Engine` in place of a model brings its own device and precision. The rest as in `stylize`.
    Raises ImageError, which names the file, ModelError or OptionError.
    """
    look = Look(size=size, strength=strength, keep_colors=keep_colors, precision=precision)
    painter = model if isinstance(model, Engine) else model.to(choose_device(device))
    painting = _paint(read_picture(source, max_pixels=max_pixels), painter, look)
    write_picture(
        target,
        painting.pixels,
        alpha=painting.alpha,
        bits=painting.bits,
        metadata=painting.metadata if keep_metadata else None,
        quality=quality,
    )


def _paint(picture: Picture, painter: StyleModel | Engine, look: Look) -> Picture:
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and (look.strength > 0 or look.size is not None):
        pixels = fill_hidden(pixels, alpha)  # before resizing, which would mix hidden colours in
    model = painter.model if isinstance(painter, Engine) else painter
    resized = _resized(pixels, model, look)
    return replace(
        picture,
        pixels=_painted(resized, picture.bits, painter, look),
        alpha=None if alpha is None else _resized(alpha, model, look),
        gray=False,
    )


def _painted(image: Tensor, bits: int, painter: StyleModel | Engine, look: Look) -> Tensor:
    if isinstance(painter, Engine):
        if look.strength == 0:
            return image
        output = painter.paint(image, bits=bits)
        return tempered(output, image, strength=look.strength, keep_colors=look.keep_colors)
    return stylize_tensor(
        painter,
        image,
        strength=look.strength,
        keep_colors=look.keep_colors,
        # 16 bits are asked for where rounding must not show.
        precision="float32" if look.precision == "auto" and bits == 16 else look.precision,
    )


def _resized(pixels: Tensor, model: StyleModel, look: Look) -> Tensor:
    if look.size is None:
        return pixels
    height, width = pixels.shape[-2:]
    scale = look.size / max(height, width)
    # Before the enlarged photo itself fills the memory.
    size_hw = (math.ceil(height * scale), math.ceil(width * scale))
    check_memory(model.config, size_hw, torch.bfloat16, model.device)
    return resize_long_side(pixels, look.size)
