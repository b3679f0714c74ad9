"""Upscale and restore photos: anything that is a picture in, a Pillow image or a file out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import ModelError, OptionError
from impasto.options import shows_options
from impasto.painting.options import (
    RestoreFileOptions,
    RestoreOptions,
    TiledOptions,
    UpscaleFileOptions,
    UpscaleOptions,
    made,
)
from impasto.painting.painter import LISTENER, Painter, kept, scratch_of, state_of

if TYPE_CHECKING:
    from PIL import Image

    from impasto.media.reading import Photo
    from impasto.models import SuperResModel

    Model = str | Path | SuperResModel
    Models = Model | Sequence[SuperResModel]


@shows_options(UpscaleOptions)
def upscale(
    photo: "Photo",
    factor: int | None = None,
    model: "Models | None" = None,
    **options: Any,
) -> "Image.Image":
    """Enlarge a photo -> an 8-bit Pillow image, `factor` times as wide and as high.

    photo: a path, a Pillow image, an array ((H, W), (H, W, 3), (H, W, 4); uint8, uint16, or float
    in [0, 1]) or a tensor ((3, H, W) or (1, 3, H, W), float in [0, 1]). Grey stays grey (mode L),
    alpha is enlarged too. factor: 2, 3, 4 or 8 (default: the model's own, or else 4); 8 is 4 and
    then 2 where there is no model for 8. model: a bundled one's name (default: DEFAULT_UPSCALERS),
    the path of a model file, a loaded `SuperResModel`, or several, used one after another.

    size: long side of the result, if another than the factor gives. strength: from 0, the bicubic
    enlargement, to 1, the network's. color_match: "none", "histogram" or "low-frequency", see
    `match_colors`; "auto" is what the model's card recommends. max_memory: of the whole process, as
    in "4GB", or bytes; a result that would pass it is refused, for `upscale_file` to make it.
    tile_px: side of a tile in the photo. on_event hears Progress and Notice; a `CancelToken` as
    `cancel` ends the work between two tiles, from any thread.

    Raises ImageError, ModelError or OptionError, each with what to do; TypeError for unknown
    options; Cancelled.
    """
    return upscale_painter(factor, model, made(UpscaleOptions, options)).paint(photo)


@shows_options(RestoreOptions)
def restore(photo: "Photo", model: "Model", **options: Any) -> "Image.Image":
    """Undo what the model was trained to undo (noise, missing colour, holes ...) -> Pillow image.

    mask: for models that fill holes, a picture of the photo's size, white where it is missing;
    without it what alpha hides is missing, and the result has no alpha. strength: from 0, the
    photo, to 1, the network's output. The rest as in `upscale`.
    """
    return restore_painter(model, made(RestoreOptions, options)).paint(photo)


@shows_options(UpscaleFileOptions)
def upscale_file(
    source: Path,
    target: Path,
    factor: int | None = None,
    model: "Models | None" = None,
    **options: Any,
) -> None:
    """Upscale the picture file `source` into `target`, atomically; the format is the suffix's.

    Alpha, grey and 16 bits are kept where it can hold them. keep_metadata: carry EXIF, XMP and
    resolution over. quality: of JPEG, WebP and AVIF, 1 to 100. max_pixels: refuse larger sources;
    by default DEFAULT_MAX_PIXELS, and without limit where `max_memory` is given. The rest as in
    `upscale`.

    max_memory: by default most of the machine's. What would pass it goes from file to file by way
    of the folder `scratch` (default: the system's for temporary files): the same samples, and the
    same call goes on where one like it was interrupted. A Notice says when that is so.

    Raises as `upscale`; ImageError names the file, also before the work for a result that is too
    large for its format.
    """
    upscale_painter(factor, model, made(UpscaleFileOptions, options)).paint_file(source, target)


@shows_options(RestoreFileOptions)
def restore_file(source: Path, target: Path, model: "Model", **options: Any) -> None:
    """Restore the picture file `source` into `target`; the rest as in `restore`, `upscale_file`."""
    restore_painter(model, made(RestoreFileOptions, options)).paint_file(source, target)


def upscale_painter(factor: int | None, model: Any, options: UpscaleOptions) -> Painter:
    """One model or two that enlarge by `factor`, see `models_for`. Raises as that does."""
    return _tile_painter(models_for(model, factor), options)


def restore_painter(model: Any, options: RestoreOptions) -> Painter:
    """A model that restores, see `restorer_for`. Raises as that does."""
    return _tile_painter((restorer_for(model),), options)


def _tile_painter(models: tuple[Any, ...], options: TiledOptions) -> Painter:
    from impasto.engines.tile_engine import SuperResOptions
    from impasto.painting.enlarging import TileWork

    LISTENER.on_event = options.on_event
    names = ("device", "backend", "precision", "tile_px", "strength", "color_match")
    ready = {name: getattr(options, name) for name in names}
    limit, scratch = options.memory_limit, scratch_of(options)

    def make() -> TileWork:
        return TileWork(
            models, SuperResOptions(on_warning=LISTENER.notice, **ready), limit, scratch
        )

    key = (*map(state_of, models), *ready.values(), limit, scratch)
    return Painter(kept(key, make), options)


def models_for(model: Any, factor: int | None) -> tuple[Any, ...]:
    """What `model` and `factor` of `upscale` mean: one model, or two for factor 8.

    model: a bundled one's name, a file, a loaded model, or several that are used one after
    another. Raises ModelError for models that are not there, not for this factor, or not for
    upscaling, OptionError for what is no factor.
    """
    whole_number = isinstance(factor, int) and not isinstance(factor, bool)
    if factor is not None and not (whole_number and factor >= 1):
        raise OptionError(f"`factor`: got {factor!r}; wanted a whole number such as 2, 3, 4 or 8")
    models: tuple[Any, ...]
    if model is None or isinstance(model, str | Path):
        models = _read(model, factor)
    else:
        models = tuple(model) if isinstance(model, Sequence) else (model,)
        made = math.prod(each.config.factor for each in models)
        if factor not in (None, made):
            raise ModelError(f"model {models[0].name!r} is made for factor {made}, not {factor}")
    for each in models:
        if _task(each) != "superres":
            raise ModelError(
                f"model {each.name!r} restores pictures at their own size; use it with "
                "`impasto restore`, or choose one of `impasto upscalers`"
            )
    return models


def restorer_for(model: Any) -> Any:
    """The restoration model that is meant. Raises ModelError as `models_for` does."""
    restorer = _read(model, None)[0] if isinstance(model, str | Path) else model
    if _task(restorer) != "restore":
        raise ModelError(
            f"model {restorer.name!r} enlarges pictures {restorer.config.factor} times; use it "
            "with `impasto upscale`"
        )
    return restorer


def _read(model: str | Path | None, factor: int | None) -> tuple[Any, ...]:
    """Without torch, or by it where it has to say what is wrong."""
    from impasto.models.kinds import read_superres_tensors

    models = read_superres_tensors(model, factor=factor)
    if models is None:
        from impasto.models import load_upscalers

        return load_upscalers(model, factor=factor)
    return models


def _task(model: Any) -> str:
    return str(model.card.get("task") or ("restore" if model.config.factor == 1 else "superres"))
