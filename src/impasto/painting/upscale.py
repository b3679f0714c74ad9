"""Upscale and restore photos: anything that is a picture in, a Pillow image or a file out."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from impasto.engines.memory import TILES_SHARE
from impasto.engines.scratch import checked_scratch
from impasto.engines.superres_options import SuperResOptions, ignore
from impasto.errors import ModelError, OptionError
from impasto.files.byte_sizes import parse_bytes
from impasto.machine.devices import choose_device
from impasto.machine.memory import free_memory
from impasto.media import (
    DEFAULT_MAX_PIXELS,
    Picture,
    array_to_pil,
    check_target,
    luma,
    read_picture,
    scaled_size,
    write_array,
)
from impasto.media.reading import Photo, as_picture
from impasto.models import SuperResModel, load_superres_model, load_upscalers
from impasto.painting.enhance import enhance
from impasto.painting.large_upscaling import LargeUpscaling
from impasto.painting.source_files import LARGEST_PIXELS, SourceFile
from impasto.painting.stylize import check_size
from impasto.painting.superres_memory import check_limit, fits_in_memory

Model = str | Path | SuperResModel


def upscale(
    photo: Photo,
    factor: int | None = None,
    model: Model | None = None,
    *,
    size: int | None = None,
    strength: float = 1.0,
    color_match: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    tile_px: int | None = None,
    max_memory: int | str | None = None,
    on_warning: Callable[[str], object] = warnings.warn,
    on_progress: Callable[[float], object] = ignore,
) -> Image.Image:
    """Enlarge a photo -> an 8-bit Pillow image, `factor` times as wide and as high.

    photo: a path, a Pillow image, an array ((H, W), (H, W, 3), (H, W, 4); uint8, uint16, or float
    in [0, 1]) or a tensor ((3, H, W) or (1, 3, H, W), float in [0, 1]). Grey stays grey (mode L),
    alpha is enlarged too. factor: 2, 3, 4 or 8 (default: the model's own, or else 4); 8 is 4 and
    then 2 where there is no model for 8. model: a bundled one's name (default: DEFAULT_UPSCALERS),
    the path of a model file, or a loaded `SuperResModel`.

    size: long side of the result, if another than the factor gives. strength: from 0, the bicubic
    enlargement, to 1, the network's. color_match: "none", "histogram" or "low-frequency", see
    `match_colors`; "auto" is what the model's card recommends. max_memory: of the whole process, as
    in "4GB", or bytes; a result that would pass it is refused, for `upscale_file` to make it. The
    rest as in `upscale_tensor`.

    Raises ImageError, ModelError or OptionError, each with what to do.
    """
    options = SuperResOptions(
        strength=strength,
        color_match=color_match,
        precision=precision,
        tile_px=tile_px,
        on_warning=on_warning,
        on_progress=on_progress,
    )
    check_size(size)
    where = choose_device(device)
    limit = _limit(max_memory)
    models = [each.to(where) for each in models_for(model, factor)]
    picture = as_picture(photo)
    check_limit(picture, models, options, limit)
    return array_to_pil(enhance(picture, models, options, size=size).array)


def restore(
    photo: Photo,
    model: Model,
    *,
    mask: Photo | None = None,
    strength: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    tile_px: int | None = None,
    max_memory: int | str | None = None,
    on_warning: Callable[[str], object] = warnings.warn,
    on_progress: Callable[[float], object] = ignore,
) -> Image.Image:
    """Undo what the model was trained to undo (noise, missing colour, holes ...) -> Pillow image.

    mask: for models that fill holes, a picture of the photo's size, white where it is missing;
    without it what alpha hides is missing, and the result has no alpha. strength: from 0, the
    photo, to 1, the network's output. The rest as in `upscale`.
    """
    options = SuperResOptions(
        strength=strength,
        precision=precision,
        tile_px=tile_px,
        on_warning=on_warning,
        on_progress=on_progress,
    )
    where, limit = choose_device(device), _limit(max_memory)
    restorer = restorer_for(model).to(where)
    picture, holes = _holed(as_picture(photo), restorer, mask)
    check_limit(picture, [restorer], options, limit)
    return array_to_pil(enhance(picture, [restorer], options, mask=holes).array)


def upscale_file(
    source: Path,
    target: Path,
    models: Sequence[SuperResModel],
    options: SuperResOptions | None = None,
    *,
    size: int | None = None,
    mask: Path | None = None,
    keep_metadata: bool = True,
    device: str = "auto",
    quality: int = 95,
    max_pixels: int | None = None,
    max_memory: int | str | None = None,
    scratch: str | Path | None = None,
    on_notice: Callable[[str], object] = lambda notice: None,  # noqa: ARG005
) -> None:
    """Upscale, or restore, the picture file `source` into `target`, atomically.

    `models` are used one after another, see `models_for`. The format is the suffix's; alpha, grey
    and 16 bits are kept where it can hold them. keep_metadata: carry EXIF, XMP and resolution
    over. quality: of JPEG, WebP and AVIF. max_pixels: refuse larger sources; by default
    DEFAULT_MAX_PIXELS, and without limit where `max_memory` is given. mask, size: as in `restore`
    and `upscale`.

    max_memory: of the whole process, as in "4GB", or bytes; by default most of the machine's. What
    would pass it goes from file to file by way of the folder `scratch` (default: the system's for
    temporary files): the same samples, and the same call goes on where one like it was interrupted.
    on_notice: hears, as a sentence, when that is so.

    Raises ImageError, which names the file, also before the work for a result that is too large
    for its format; ModelError or OptionError.
    """
    check_size(size)
    where = choose_device(device)
    models = [model.to(where) for model in models]
    options = options or SuperResOptions(color_match="auto")
    limit = _limit(max_memory)
    folder = None if scratch is None else checked_scratch(scratch)
    if max_pixels is None:
        max_pixels = DEFAULT_MAX_PIXELS if limit is None else LARGEST_PIXELS
    file = SourceFile(path=Path(source), max_pixels=max_pixels)
    target = Path(target)
    height, width = (side * _factor(models) for side in file.header.size_hw)
    check_target(target, (height, width) if size is None else scaled_size((height, width), size))
    free = free_memory(limit, torch.device("cpu"), TILES_SHARE)
    if not fits_in_memory(file, target, models, options, size=size, free_bytes=free):
        on_notice(f"{width} x {height} px do not fit into memory; made from file to file")
        LargeUpscaling(
            models=models,
            options=options,
            free_bytes=free or 0,
            scratch=folder,
            size=size,
            mask=None if mask is None else SourceFile(path=Path(mask), max_pixels=max_pixels),
            keep_metadata=keep_metadata,
            quality=quality,
            on_notice=on_notice,
        ).run(file, target)
        return
    picture, holes = _holed(read_picture(source, max_pixels=max_pixels), models[0], mask)
    bits, metadata = picture.bits, picture.metadata
    canvas = enhance(picture, models, options, size=size, mask=holes)
    del picture, holes  # the encoder may need the memory
    write_array(
        target,
        canvas.array,
        bits=bits,
        metadata=metadata if keep_metadata else None,
        quality=quality,
    )


def _limit(max_memory: int | str | None) -> int | None:
    return None if max_memory is None else parse_bytes(max_memory)


def _factor(models: Sequence[SuperResModel]) -> int:
    return math.prod(model.factor for model in models)


def models_for(model: Model | None, factor: int | None) -> tuple[SuperResModel, ...]:
    """What `model` and `factor` of `upscale` mean: one model, or two for factor 8.

    Raises ModelError for models that are not there, not for this factor, or not for upscaling,
    OptionError for what is no factor.
    """
    whole = isinstance(factor, int) and not isinstance(factor, bool)
    if factor is not None and not (whole and factor >= 1):
        raise OptionError(f"factor {factor!r}: wanted a whole number such as 2, 3, 4 or 8")
    if isinstance(model, SuperResModel):
        if factor not in (None, model.factor):
            raise ModelError(
                f"model {model.name!r} is made for factor {model.factor}, not {factor}"
            )
        models: tuple[SuperResModel, ...] = (model,)
    else:
        models = load_upscalers(model, factor=factor)
    for each in models:
        if each.task != "superres":
            raise ModelError(
                f"model {each.name!r} restores pictures at their own size; use it with "
                "`impasto restore`, or choose one of `impasto upscalers`"
            )
    return models


def restorer_for(model: Model) -> SuperResModel:
    """The restoration model that is meant. Raises ModelError as `models_for` does."""
    restorer = model if isinstance(model, SuperResModel) else load_superres_model(model)
    if restorer.task != "restore":
        raise ModelError(
            f"model {restorer.name!r} enlarges pictures {restorer.factor} times; use it with "
            "`impasto upscale`"
        )
    return restorer


def _holed(
    picture: Picture, model: SuperResModel, mask: Photo | None
) -> tuple[Picture, Tensor | None]:
    """The picture, and what of it is missing as (1, 1, H, W) of zeros and ones."""
    if mask is not None:
        return picture, (luma(as_picture(mask).pixels) >= 0.5).float()
    if model.config.in_channels == 4 and picture.alpha is not None:
        missing = (picture.alpha < 0.5).float()
        return replace(picture, alpha=None), missing
    return picture, None
