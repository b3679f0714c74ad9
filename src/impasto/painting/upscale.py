"""Upscale and restore photos: anything that is a picture in, a Pillow image or a file out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.painting.options import (
    RestoreFileOptions,
    RestoreOptions,
    UpscaleFileOptions,
    UpscaleOptions,
    made,
    shows_options,
)
from impasto.painting.painter import restore_painter, upscale_painter

if TYPE_CHECKING:
    from collections.abc import Sequence

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
