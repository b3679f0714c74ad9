"""Paint a photo by optimising its pixels: pictures in, a Pillow image or a file out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict, Unpack, cast

import numpy as np
from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.media import (
    DEFAULT_MAX_PIXELS,
    Picture,
    luma,
    read_picture,
    resize,
    to_pil,
    write_picture,
)
from impasto.media.colors import fill_hidden
from impasto.media.reading import Photo, as_picture
from impasto.optimization.config import Colors, OptimizationConfig, Optimizer
from impasto.optimization.events import OnEvent, ignore
from impasto.optimization.layers import Mode
from impasto.optimization.outputs import check_outputs
from impasto.optimization.preview import EVERY_S, PreviewFile
from impasto.optimization.run import OptimizedImage, optimize_image
from impasto.optimization.setup import check_picture, result_size


class OptimizationOptions(TypedDict, total=False):
    """The fields of `OptimizationConfig` that `optimize` takes as keywords."""

    mode: Mode
    loss_network: str
    loss_network_family: str
    size: int | None
    iterations: int | None
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    content_layers: Mapping[str, float] | Sequence[str] | None
    style_layers: Mapping[str, float] | Sequence[str] | None
    style_image_weights: tuple[float, ...]
    style_scale: float
    colors: Colors
    optimizer: Optimizer | None
    learning_rate: float | None
    start_size: int | None
    border: int | None
    relative: bool
    pooling: Literal["max", "average"]
    precision: str
    device: str
    threads: int
    seed: int
    max_memory_bytes: int | None


def optimize(
    content: Photo,
    styles: Photo | Sequence[Photo],
    *,
    masks: Photo | Sequence[Photo] = (),
    style_masks: Photo | Sequence[Photo] = (),
    init: Photo | None = None,
    on_event: OnEvent = ignore,
    **options: Unpack[OptimizationOptions],
) -> Image.Image:
    """Paint a photo as a painting is -> an 8-bit Pillow image, RGB, or RGBA if it has alpha.

    content, styles, masks, init: paths, Pillow images, arrays or tensors, as for
    `impasto.stylize`. One style, or several: without masks they are mixed
    (`style_image_weights`), with one mask for each a style goes where its mask is white.
    style_masks: white where the painting counts. init: "content" (default of the mode best),
    "noise", or a picture to start from. options: see `OptimizationConfig`; of these `mode` is
    "best", "paper" (eq. 5 with projected L-BFGS) or "gatys".

    Raises ImageError, OptionError, WeightsError or OptimizationError, each with what to do.
    """
    config, picture = _start(OptimizationConfig(**options), init)
    photo = as_picture(content)
    found = _optimized(
        config,
        photo,
        _pictures(styles),
        masks=_pictures(masks),
        style_masks=_pictures(style_masks),
        init=picture,
        on_event=on_event,
    )
    return to_pil(found.image, _alpha(photo, found.image))


def _pictures(given: Photo | Sequence[Photo]) -> list[Picture]:
    one = isinstance(given, str | Path | Image.Image | np.ndarray | Tensor)
    return [as_picture(each) for each in cast(Sequence[Photo], [given] if one else given)]


@dataclass(frozen=True, kw_only=True)
class OptimizationFiles:
    """Which pictures go in and out; see `optimize` for what they are.

    preview: where the image is shown while it is worked on (None: nowhere); it is removed at the
    end unless `keep_preview`. keep_metadata: carry EXIF, XMP and resolution of the photo over.
    quality: of JPEG, WebP and AVIF. max_pixels: refuse larger pictures.
    """

    content: Path
    styles: tuple[Path, ...]
    target: Path
    masks: tuple[Path, ...] = ()
    style_masks: tuple[Path, ...] = ()
    init: str | None = None
    preview: Path | None = None
    preview_every_s: float = EVERY_S
    keep_preview: bool = False
    keep_metadata: bool = True
    quality: int = 95
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        if not self.preview_every_s >= 0:  # NaN neither
            raise OptionError(f"--preview-every {self.preview_every_s}: wanted seconds, 0 or more")


def optimize_file(
    config: OptimizationConfig, files: OptimizationFiles, on_event: OnEvent = ignore
) -> OptimizedImage:
    """Paint `files.content` into `files.target`, atomically; the format is the suffix's.

    Alpha is kept, and so are 16 bits where the format can hold them. On KeyboardInterrupt what is
    there is written, and the result says `interrupted`; if nothing is there yet, it is raised.
    Raises as `optimize`, and ImageError for a target that cannot be written, before the work.
    """
    config, picture = _start(config, files.init)
    named = {path: _read(path, files.max_pixels) for path in (files.content, *files.styles)}
    photo = named[files.content]
    for path, each in named.items():
        check_picture(each.pixels, str(path))
    _check_files(files, result_size(config, photo.pixels))
    preview = None
    if files.preview is not None:
        preview = PreviewFile(files.preview, on_event, every_s=files.preview_every_s)
    found = _optimized(
        config,
        photo,
        [named[path] for path in files.styles],
        masks=[_read(path, files.max_pixels) for path in files.masks],
        style_masks=[_read(path, files.max_pixels) for path in files.style_masks],
        init=picture,
        on_event=preview or on_event,
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
    if preview is not None and not files.keep_preview:
        preview.remove()
    return found


def _optimized(
    config: OptimizationConfig,
    photo: Picture,
    paintings: Sequence[Picture],
    *,
    masks: Sequence[Picture],
    style_masks: Sequence[Picture],
    init: Picture | None,
    on_event: OnEvent,
    keep_interrupted: bool = False,
) -> OptimizedImage:
    return optimize_image(
        config,
        _visible(photo),
        [_visible(painting) for painting in paintings],
        on_event,
        masks=[luma(mask.pixels) for mask in masks],
        style_masks=[luma(mask.pixels) for mask in style_masks],
        init=None if init is None else _visible(init),
        keep_interrupted=keep_interrupted,
    )


def _visible(picture: Picture) -> Tensor:
    """The pixels, with nearby colours for what transparency hides."""
    if picture.alpha is None:
        return picture.pixels
    return fill_hidden(picture.pixels, picture.alpha)


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


def _read(path: Path, max_pixels: int) -> Picture:
    return read_picture(path, max_pixels=max_pixels)


def _check_files(files: OptimizationFiles, size_hw: tuple[int, int]) -> None:
    """Refuse targets that are an input, of a format that is not written, or in no folder."""
    inputs = [files.content, *files.styles, *files.masks, *files.style_masks]
    if files.init is not None:
        inputs.append(Path(files.init))
    check_outputs(filter(None, (files.target, files.preview)), size_hw, inputs=inputs)
    if files.preview is not None and files.preview.resolve() == files.target.resolve():
        raise OptionError(f"{files.preview} is the result itself; give the preview another name")
