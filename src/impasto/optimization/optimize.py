"""Paint a photo by optimising its pixels: pictures in, a Pillow image or a file out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image
from torch import Tensor

from impasto.events import CancelToken, OnEvent, ignore
from impasto.media import Picture, luma, resize, to_pil, write_picture
from impasto.media.reading import Photo, as_picture
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.descent import descend
from impasto.optimization.outputs import OptimizationFiles, Preview
from impasto.optimization.pictures import check_picture, visible
from impasto.optimization.run import (
    Optimization,
    OptimizedImage,
    Pictures,
    optimize_image,
    result_size,
)
from impasto.options import shows_options


@shows_options(OptimizationConfig, leave_out=["init"])
def optimize(
    photo: Photo,
    styles: Photo | Sequence[Photo],
    *,
    masks: Photo | Sequence[Photo] = (),
    style_masks: Photo | Sequence[Photo] = (),
    init: Photo | None = None,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Image.Image:
    """Paint a photo as a painting is -> an 8-bit Pillow image, RGB, or RGBA if it has alpha.

    photo, styles, masks, init: paths, Pillow images, arrays or tensors, as for
    `impasto.stylize`. One style, or several: without masks they are mixed
    (`style_image_weights`), with one mask for each a style goes where its mask is white.
    style_masks: white where the painting counts. init: "content" (default of the mode best),
    "noise", or a picture to start from. on_event: hears Step, Progress (of a download) and Notice.
    cancel: its `cancel()`, from any thread, ends the work with the best image so far. options: see
    `OptimizationConfig`; of these `mode` is "best", "paper" (eq. 5 with projected L-BFGS) or
    "gatys".

    Raises ImageError, OptionError, WeightsError or OptimizationError, each with what to do, and
    Cancelled if it is cancelled before there is an image.
    """
    config, start = _start(OptimizationConfig(**options), init)
    source = as_picture(photo)
    work = Optimization(
        config,
        _looked_at(source, _pictures(styles), _pictures(masks), _pictures(style_masks), start),
        on_event,
        cancel,
    )
    run = descend(work.stages(), on_event=on_event, shown=work.shown, cancel=cancel)
    image = work.result(run.kept(on_interrupt=False)).image
    return to_pil(image, _alpha(source, image))


def optimize_file(
    config: OptimizationConfig,
    files: OptimizationFiles,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> OptimizedImage:
    """Paint `files.content` into `files.target`, atomically; the format is the suffix's.

    Alpha is kept, and so are 16 bits where the format can hold them. On KeyboardInterrupt, or when
    `cancel` is set, what is there is written, and the result says `interrupted`; if nothing is
    there yet, it is raised. Raises as `optimize`, and ImageError for a target that cannot be
    written, before the work.
    """
    config, start = _start(config, files.init)
    read = {path: files.read(path) for path in (files.content, *files.styles)}
    for path, each in read.items():
        check_picture(each.pixels, str(path))
    photo = read[files.content]
    inputs = [files.content, *files.styles, *files.masks, *files.style_masks]
    if start is not None and files.init is not None:
        inputs.append(Path(files.init))
    files.check(result_size(config, photo.pixels), inputs=inputs)
    masks, style_masks = (
        [files.read(path) for path in paths] for paths in (files.masks, files.style_masks)
    )
    preview = Preview(files, on_event)
    found = optimize_image(
        config,
        _looked_at(photo, [read[path] for path in files.styles], masks, style_masks, start),
        preview,
        cancel=cancel,
        keep_interrupted=True,
    )
    write_picture(
        files.target,
        found.image,
        alpha=_alpha(photo, found.image),
        bits=photo.bits,
        metadata=photo.metadata if files.keep_metadata else None,
        quality=files.quality,
    )
    preview.end()
    return found


def _looked_at(
    photo: Picture,
    paintings: Sequence[Picture],
    masks: Sequence[Picture],
    style_masks: Sequence[Picture],
    start: Picture | None,
) -> Pictures:
    return Pictures(
        content=visible(photo),
        styles=[visible(painting) for painting in paintings],
        masks=[luma(mask.pixels) for mask in masks],
        style_masks=[luma(mask.pixels) for mask in style_masks],
        init=None if start is None else visible(start),
    )


def _pictures(given: Photo | Sequence[Photo]) -> list[Picture]:
    one = isinstance(given, str | Path | Image.Image | np.ndarray | Tensor)
    return [as_picture(each) for each in cast(Sequence[Photo], [given] if one else given)]


def _alpha(photo: Picture, image: Tensor) -> Tensor | None:
    if photo.alpha is None:
        return None
    return resize(photo.alpha, (image.shape[2], image.shape[3]))


def _start(
    config: OptimizationConfig, init: Photo | None
) -> tuple[OptimizationConfig, Picture | None]:
    """The words "content" and "noise" belong into the config; anything else is a picture."""
    if init is None:
        return config, None
    if isinstance(init, str) and init in ("content", "noise"):
        return replace(config, init=init), None
    return config, as_picture(init)
