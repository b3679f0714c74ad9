"""Paint photos: anything that is a picture in, a Pillow image or a file out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.engines.engine import Engine
from impasto.engines.memory import check_memory
from impasto.engines.stylize_tensor import check_strength, tempered
from impasto.errors import OptionError
from impasto.media import (
    DEFAULT_MAX_PIXELS,
    Picture,
    read_picture,
    resize_long_side,
    to_pil,
    write_picture,
)
from impasto.media.colors import fill_hidden
from impasto.media.reading import Photo, as_picture
from impasto.models import StyleModel
from impasto.painting.large_files import LARGEST_PIXELS, Source, ignore, paint_large

ENGINES = 4  # that are kept for the next call


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a photo is to be painted: the options that all functions here share."""

    size: int | None = None
    strength: float = 1.0
    keep_colors: bool = False

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
    quality: str = "full",
    size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    max_memory: int | str | None = None,
    border: int | None = None,
) -> Image.Image:
    """Paint a photo in a style -> an 8-bit Pillow image, RGB, or RGBA if the photo has alpha.

    photo: a path, a Pillow image, an array ((H, W), (H, W, 3), (H, W, 4); uint8, uint16, or float
    in [0, 1]) or a tensor ((3, H, W) or (1, 3, H, W), float in [0, 1]). Grey photos are painted
    in colour. style: a bundled style's name, the path of a style file, or a loaded `StyleModel`.

    size: long side of the result in pixels (default: the photo's own). strength: from 0, the
    photo, to 1, the full style; a linear blend. keep_colors: brush strokes of the style, colours
    of the photo. quality, device, precision, backend, max_memory and border are an `Engine`'s; one
    that was made for an earlier call is used again.

    Raises ImageError, ModelError or OptionError, each with what to do.
    """
    look = Look(size=size, strength=strength, keep_colors=keep_colors)
    engine = engine_for(
        style,
        quality=quality,
        device=device,
        precision=precision,
        backend=backend,
        max_memory=max_memory,
        border=border,
    )
    painting = _paint(as_picture(photo), engine, look)
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
    precision: str = "auto",
    backend: str = "auto",
    max_memory: int | str | None = None,
    scratch: str | Path | None = None,
    border: int | None = None,
    quality: int = 95,
    max_pixels: int | None = None,
    on_progress: Callable[[float], object] = ignore,
) -> None:
    """Paint the picture file `source` into `target`, atomically; the format is the suffix's.

    Alpha is kept, and so are 16 bits where the format can hold them. keep_metadata: carry EXIF,
    XMP and resolution over. quality: of JPEG, WebP and AVIF. max_pixels: refuse larger sources; by
    default DEFAULT_MAX_PIXELS, and without limit where `max_memory` is given. An `Engine` in place
    of a model brings its own device, precision, back end, max_memory, scratch and border; see there
    for these. The rest as in `stylize`.

    Pictures that do not fit into memory go from file to file by way of the scratch folder. Of these
    `on_progress` hears what part is done, from 0 to 1; and the same call goes on where one like it
    was interrupted. Raises ImageError, which names the file, ModelError or OptionError.
    """
    look = Look(size=size, strength=strength, keep_colors=keep_colors)
    if isinstance(model, Engine):
        engine = model
    else:
        engine = engine_for(
            model,
            device=device,
            precision=precision,
            backend=backend,
            max_memory=max_memory,
            scratch=scratch,
            border=border,
        )
    if max_pixels is None:
        max_pixels = DEFAULT_MAX_PIXELS if engine.max_memory is None else LARGEST_PIXELS
    file = Source(path=Path(source), max_pixels=max_pixels)
    if not file.fits(engine, look.size):
        paint_large(
            engine,
            file,
            Path(target),
            size=look.size,
            strength=look.strength,
            keep_colors=look.keep_colors,
            keep_metadata=keep_metadata,
            quality=quality,
            on_progress=on_progress,
        )
        return
    painting = _paint(read_picture(source, max_pixels=max_pixels), engine, look)
    write_picture(
        target,
        painting.pixels,
        alpha=painting.alpha,
        bits=painting.bits,
        metadata=painting.metadata if keep_metadata else None,
        quality=quality,
    )


def engine_for(style: str | Path | StyleModel, **options: Any) -> Engine:
    """An engine with these options; the same one again until the style changes."""
    if isinstance(style, StyleModel):
        # in-place changes of the weights, by training, count in each tensor's version
        state: object = tuple(
            (tensor.data_ptr(), tensor._version) for tensor in style.network.state_dict().values()
        )
    else:
        try:
            status = Path(style).stat()
            state = (status.st_mtime_ns, status.st_size)
        except OSError:  # a bundled style's name, or nothing: Engine tells
            state = None
    return _engine(style, state, tuple(sorted(options.items())))


@lru_cache(maxsize=ENGINES)
def _engine(
    style: str | Path | StyleModel,
    state: object,  # noqa: ARG001  # belongs to what is remembered
    options: tuple[tuple[str, Any], ...],
) -> Engine:
    return Engine(style, **dict(options))


def _paint(picture: Picture, engine: Engine, look: Look) -> Picture:
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and (look.strength > 0 or look.size is not None):
        pixels = fill_hidden(pixels, alpha)  # before resizing, which would mix hidden colours in
    resized = _resized(pixels, engine, look)
    return replace(
        picture,
        pixels=_painted(resized, picture.bits, engine, look),
        alpha=None if alpha is None else _resized(alpha, engine, look),
        gray=False,
    )


def _painted(image: Tensor, bits: int, engine: Engine, look: Look) -> Tensor:
    if look.strength == 0:
        return image
    output = engine.paint(image, bits=bits)
    return tempered(output, image, strength=look.strength, keep_colors=look.keep_colors)


def _resized(pixels: Tensor, engine: Engine, look: Look) -> Tensor:
    if look.size is None:
        return pixels
    height, width = pixels.shape[-2:]
    scale = look.size / max(height, width)
    # Before the enlarged photo itself fills the memory.
    size_hw = (math.ceil(height * scale), math.ceil(width * scale))
    check_memory(engine.model.network, size_hw, torch.bfloat16, engine.device)
    return resize_long_side(pixels, look.size)
