"""See what a layer sees: pictures in, a Pillow image or files out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import torch
from PIL import Image
from torch import Tensor

from impasto.losses.content import content_errors, mean_squares
from impasto.media import (
    DEFAULT_MAX_PIXELS,
    Picture,
    contact_sheet,
    psnr,
    read_picture,
    to_pil,
    write_picture,
)
from impasto.media.reading import Photo, as_picture
from impasto.models.inversion_model import InversionModel, load_inversion_model
from impasto.networks import LossNetwork
from impasto.optimization.descent import Stage, check_layers
from impasto.optimization.events import OnEvent, ignore
from impasto.optimization.inversion import ITERATIONS, invert_features
from impasto.optimization.inversion_config import InversionConfig, InversionOptions
from impasto.optimization.outputs import check_outputs
from impasto.optimization.preview import PreviewFile
from impasto.optimization.seeing import size_of, until_interrupted, visible
from impasto.optimization.setup import check_picture

LEAST_SHEET = 2  # layers from which a sheet shows them side by side


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """What one layer saw. psnr: of the image, in dB; error: of its features, 1 for empty ones."""

    layer: str
    image: Tensor  # (1, 3, H, W) in [0, 1], on the CPU
    psnr: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Inversions:
    """What the layers saw, in the order asked. interrupted: Ctrl-C ended it early."""

    photo: Tensor  # (1, 3, H, W), at the size of the inversions
    found: list[Inversion]
    loss_network: str
    interrupted: bool = False
    files: list[Path] = field(default_factory=list)


def invert(
    photo: Photo,
    layer: str | None = None,
    *,
    on_event: OnEvent = ignore,
    **options: Unpack[InversionOptions],
) -> Image.Image:
    """The picture that a layer of a loss network cannot tell from `photo` -> 8-bit Pillow image.

    photo: a path, Pillow image, array or tensor, as for `impasto.stylize`. layer: as "relu3_3"; in
    its place `model` may name a file of `impasto train inversion`. options: see `InversionConfig`.
    Shallow layers give the photo back, deep ones its structure in colours and textures of their
    own. Raises ImageError, OptionError, ModelError, WeightsError or OptimizationError.
    """
    config = InversionConfig(layers=() if layer is None else (layer,), **options)
    return to_pil(_inverted(config, as_picture(photo), on_event).found[0].image)


@dataclass(frozen=True, kw_only=True)
class InversionFiles:
    """Which files go in and out.

    Of one layer the inversion goes to `target`; of several each goes beside it, as
    target-relu3_3.png, and `target` is a sheet of them all. preview: where the image is shown while
    it is worked on (None: nowhere), removed at the end unless `keep_preview`.
    """

    photo: Path
    target: Path
    preview: Path | None = None
    keep_preview: bool = False
    quality: int = 95
    max_pixels: int = DEFAULT_MAX_PIXELS

    def of_layer(self, layer: str, layers: Sequence[str]) -> Path:
        """Where the inversion of one of `layers` goes."""
        if len(layers) < LEAST_SHEET:
            return self.target
        return self.target.with_name(
            f"{self.target.stem}-{layer.replace('/', '-')}{self.target.suffix}"
        )


def invert_file(
    config: InversionConfig, files: InversionFiles, on_event: OnEvent = ignore
) -> Inversions:
    """Invert the picture file `files.photo`, and write what its `InversionFiles` say, atomically.

    Every layer's picture is written when it is done. On KeyboardInterrupt what is there is written
    too, and the result says `interrupted`; if nothing is there yet, it is raised. Raises as
    `invert`, also for a target that cannot be written, before the work.
    """
    picture = read_picture(files.photo, max_pixels=files.max_pixels)
    layers = config.layers
    targets = [files.target, *(files.of_layer(layer, layers) for layer in layers)]
    targets += [] if files.preview is None else [files.preview]
    check_outputs(targets, _size(config, picture), inputs=[files.photo])
    preview = None if files.preview is None else PreviewFile(files.preview, on_event)
    done = _inverted(config, picture, preview or on_event, name=str(files.photo), files=files)
    if len(layers) >= LEAST_SHEET:
        write_picture(files.target, _sheet(done), quality=files.quality)
        done.files.append(files.target)
    if preview is not None and not files.keep_preview:
        preview.remove()
    return done


def _inverted(
    config: InversionConfig,
    picture: Picture,
    on_event: OnEvent,
    *,
    name: str = "the photo",
    files: InversionFiles | None = None,
) -> Inversions:
    check_picture(picture.pixels, name)
    model = None if config.model is None else load_inversion_model(config.model)
    trained_with = None if model is None else model.config.loss_network
    network, device, dtype = config.open(on_event, loss_network=trained_with)
    photo = visible(picture, _size(config, picture)).to(device)
    check_picture(photo, f"{name}, at the size of the result,")
    layers = config.layers if model is None else (model.config.layer,)
    check_layers(network, layers, photo)
    done = Inversions(photo=photo.cpu(), found=[], loss_network=network.name)
    interrupted = False
    for number, layer in enumerate(layers, start=1):
        try:
            if model is None:
                image, interrupted = _optimised(config, network, photo, number, dtype, on_event)
            else:
                image = _decoded(model.to(device), network, photo)
        except KeyboardInterrupt:
            if not done.found:
                raise
            interrupted = True
            break
        done.found.append(_judged(network, layer, image, photo))
        if files is not None:
            target = files.of_layer(layer, config.layers)
            write_picture(target, image, quality=files.quality)
            done.files.append(target)
        if interrupted:
            break
    return Inversions(
        photo=done.photo,
        found=done.found,
        loss_network=done.loss_network,
        interrupted=interrupted,
        files=done.files,
    )


def _optimised(
    config: InversionConfig,
    network: LossNetwork,
    photo: Tensor,
    number: int,
    dtype: torch.dtype,
    on_event: OnEvent,
) -> tuple[Tensor, bool]:
    iterations = config.iterations or ITERATIONS
    stage = Stage(
        number=number,
        count=len(config.layers),
        before=(number - 1) * iterations,
        iterations=len(config.layers) * iterations,
    )

    def work(report: OnEvent) -> Tensor:
        return invert_features(
            network,
            photo,
            config.layers[number - 1],
            iterations=iterations,
            tv_weight=config.tv_weight,
            seed=config.seed,
            dtype=dtype,
            on_event=report,
            stage=stage,
        )

    return until_interrupted(work, on_event)


@torch.no_grad()
def _decoded(model: InversionModel, network: LossNetwork, photo: Tensor) -> Tensor:
    return model.invert(network, photo)


@torch.no_grad()
def _judged(network: LossNetwork, layer: str, image: Tensor, photo: Tensor) -> Inversion:
    wanted, found = (network(each, [layer])[layer] for each in (photo, image))
    size = float(mean_squares(wanted))
    error = float(content_errors(found, wanted)) / (size or 1.0)
    score = float(psnr(image.cpu(), photo.cpu(), data_range=1.0))
    return Inversion(layer=layer, image=image.contiguous().cpu(), psnr=score, error=error)


def _size(config: InversionConfig, picture: Picture) -> tuple[int, int]:
    if config.model is None:
        return size_of(picture.pixels, config.size)
    return size_of(picture.pixels, config.size, limit=None)


def _sheet(done: Inversions) -> Tensor:
    images = [done.photo, *(each.image for each in done.found)]
    labels = ["photo", *(each.layer for each in done.found)]
    columns = 4
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    return contact_sheet(rows, labels=labels)
