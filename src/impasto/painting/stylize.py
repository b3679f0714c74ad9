"""Paint photos: anything that is a picture in, a Pillow image or a file out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.options import shows_options
from impasto.painting.options import StylizeFileOptions, StylizeOptions, made
from impasto.painting.painter import LISTENER, Painter, kept, scratch_of, state_of

if TYPE_CHECKING:
    from PIL import Image

    from impasto.media.reading import Photo
    from impasto.painting.styling import Style


@shows_options(StylizeOptions)
def stylize(photo: "Photo", style: "Style", **options: Any) -> "Image.Image":
    """Paint a photo in a style -> an 8-bit Pillow image, RGB, or RGBA if the photo has alpha.

    photo: a path, a Pillow image, an array ((H, W), (H, W, 3), (H, W, 4); uint8, uint16, or float
    in [0, 1]) or a tensor ((3, H, W) or (1, 3, H, W), float in [0, 1]). Grey photos are painted
    in colour. style: a bundled style's name, the path of a style file, a loaded `StyleModel`, or an
    `Engine`, which brings its own device, precision, back end, memory and border.

    network: of a bundled style "full", or "fast", a smaller one. size: long side of the result in
    pixels (default: the photo's own). strength: from 0, the photo, to 1, the full style; a linear
    blend. keep_colors: brush strokes of the style, colours of the photo. device, precision,
    backend, max_memory and border are an `Engine`'s. on_event hears Progress and Notice; a
    `CancelToken` as `cancel` ends the work from any thread. What was made ready for an earlier call
    is used again.

    Raises ImageError, ModelError or OptionError, each with what to do; TypeError for unknown
    options; Cancelled.
    """
    return style_painter(style, made(StylizeOptions, options)).paint(photo)


@shows_options(StylizeFileOptions)
def stylize_file(source: Path, target: Path, style: "Style", **options: Any) -> None:
    """Paint the picture file `source` into `target`, atomically; the format is the suffix's.

    Alpha is kept, and so are 16 bits where the format can hold them. keep_metadata: carry EXIF,
    XMP and resolution over. quality: of JPEG, WebP and AVIF, 1 to 100. max_pixels: refuse larger
    sources; by default DEFAULT_MAX_PIXELS, and without limit where `max_memory` is given. The rest
    as in `stylize`.

    Pictures that do not fit into memory go from file to file by way of the folder `scratch`
    (default: the system's for temporary files), and the same call goes on where one like it was
    interrupted. Raises as `stylize`; ImageError names the file.
    """
    style_painter(style, made(StylizeFileOptions, options)).paint_file(source, target)


def style_painter(style: "Style", options: StylizeOptions) -> Painter:
    """A style's name, file or model, or an `Engine`, which brings its own device and border.

    What was made ready for an earlier call is used again until the style changes. Raises
    OptionError for what is not there or installed, ModelError for the style.
    """
    from impasto.models.gallery import style_path
    from impasto.painting.styling import StyleWork

    LISTENER.on_event = options.on_event
    ready = {
        "device": options.device,
        "backend": options.backend,
        "precision": options.precision,
        "max_memory": options.memory_limit,
        "scratch": scratch_of(options),
        "border": options.border,
    }
    if isinstance(style, str | Path):
        style = style_path(style, options.network)
    elif not hasattr(style, "config"):  # an Engine
        return Painter(StyleWork(style, LISTENER.notice), options)
    key = (state_of(style), *ready.values())
    return Painter(kept(key, lambda: StyleWork(style, LISTENER.notice, **ready)), options)
