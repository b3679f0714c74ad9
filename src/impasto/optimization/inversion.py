"""Feature inversion: which picture does a layer of the loss network see? (paper, figure 3)"""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.events import CancelToken, OnEvent, ignore
from impasto.losses import LossWeights, content_terms, isotropic_tv
from impasto.losses.strips import whole_features
from impasto.losses.terms import lasting
from impasto.media import Picture, contact_sheet, psnr, to_pil, write_picture
from impasto.media.reading import Photo, as_picture
from impasto.models.inversion_model import load_inversion_model
from impasto.networks import LossNetwork
from impasto.optimization.config import ITERATIONS, TV_WEIGHT, InversionConfig
from impasto.optimization.descent import Stage, descend
from impasto.optimization.memory import network_cost, strips_that_fit
from impasto.optimization.objective import PictureLoss
from impasto.optimization.outputs import LEAST_SHEET, InversionFiles, Preview
from impasto.optimization.pictures import check_layers, check_picture, size_of, visible
from impasto.optimization.setup import open_loss_network
from impasto.option_types import AUTO
from impasto.options import shows_options

NOISE = 0.1  # standard deviation of the start around mid-grey


def invert_features(
    network: LossNetwork,
    image: Tensor,
    layer: str,
    *,
    dtype: torch.dtype = torch.float32,
    on_event: OnEvent = ignore,
    **options: Any,
) -> Tensor:
    """The image that `layer` cannot tell from `image`, (1, 3, H, W) in [0, 1] -> the same shape.

    options: see `InversionConfig`. Raises as `inversion_stage`, and OptimizationError if the
    objective is not finite. The image of least value is returned.
    """
    stage = inversion_stage(
        network, image, layer, InversionConfig(layers=(layer,), **options), dtype
    )
    return descend([stage], on_event=on_event).kept(on_interrupt=False).images[-1]


def inversion_stage(
    network: LossNetwork, image: Tensor, layer: str, config: InversionConfig, dtype: torch.dtype
) -> Stage:
    """How the image that `layer` cannot tell from `image` (1, 3, H, W) is found.

        argmin over x in [0, 1] of |phi(x) - phi(image)|^2 / |phi(image)|^2 + tv_weight * TV(x)

    Mahendran and Vedaldi (arXiv 1412.0035), paper section 3.2: with projected L-BFGS from noise
    around mid-grey, drawn by the seed alone. TV is their isotropic total variation with exponent 1,
    mean over pixels and channels; its weight is by default 0.1 times the pixels a side for each
    sample of the layer, because the deeper a layer the less it holds down the grain by itself. As
    the feature error is relative, a weight means the same for every photo and loss network.
    dtype: what the loss network computes in.

    Raises OptionError for a layer that the loss network lacks, an image too small for the layer or
    too large for the memory; ImageError for an image that is tiny or of one colour.
    """
    check_picture(image, "the photo")
    check_layers(network, [layer], image)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(config.seed))
    start = (0.5 + NOISE * noise).clamp(0, 1).to(image.device)
    cost = network_cost(network, [layer], dtype, image.device)
    shape = ((image.shape[2], image.shape[3]), "lbfgs", 0.0)
    strips = strips_that_fit([shape], cost, image.device, config.max_memory_bytes)

    def loss() -> PictureLoss:
        shown = image.contiguous(memory_format=torch.channels_last)
        with lasting(shown):
            target = whole_features(network, shown, [layer], strips)
        stride = image.shape[2] / target[layer].shape[2]
        tv = TV_WEIGHT * stride if config.tv_weight is None else config.tv_weight
        return PictureLoss(
            network,
            content_terms(target, {layer: 1.0}, scale="relative"),
            LossWeights(content=1.0, style=0.0, tv=tv),
            tv=partial(isotropic_tv, reduction="mean"),
            strips=strips,
        )

    count = config.iterations or ITERATIONS
    return Stage(iterations=count, loss=loss, start=lambda _: start, dtype=dtype)


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """What one layer saw. psnr: of the image, in dB; error: of its features, 1 for empty ones."""

    layer: str
    image: Tensor  # (1, 3, H, W) in [0, 1], on the CPU
    psnr: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Inversions:
    """What the layers saw, in the order asked. interrupted: Ctrl-C or a token ended it early."""

    photo: Tensor  # (1, 3, H, W), at the size of the inversions
    found: list[Inversion]
    loss_network: str
    interrupted: bool = False
    files: list[Path] = field(default_factory=list)


@shows_options(InversionConfig, leave_out=["layers"])
def invert(
    photo: Photo,
    layer: str | None = None,
    *,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Image.Image:
    """The picture that a layer of a loss network cannot tell from `photo` -> 8-bit Pillow image.

    photo: a path, Pillow image, array or tensor, as for `impasto.stylize`. layer: as "relu3_3"; in
    its place `model` may name a file of `impasto train inversion`. on_event: hears Step, Progress
    (of a download) and Notice. cancel: its `cancel()`, from any thread, ends the work with the best
    image so far. options: see `InversionConfig`. Shallow layers give the photo back, deep ones its
    structure in colours and textures of their own. Raises ImageError, OptionError, ModelError,
    WeightsError or OptimizationError, and Cancelled if there is no image yet.
    """
    config = InversionConfig(layers=() if layer is None else (layer,), **options)
    return to_pil(_inverted(config, as_picture(photo), on_event, cancel).found[0].image)


def invert_file(
    config: InversionConfig,
    files: InversionFiles,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> Inversions:
    """Invert the picture file `files.photo`, and write what its `InversionFiles` say, atomically.

    Every layer's picture is written when it is done. On KeyboardInterrupt, or when `cancel` is set,
    what is there is written too, and the result says `interrupted`; if nothing is there yet, it is
    raised. Raises as `invert`, also for a target that cannot be written, before the work.
    """
    picture = files.read(files.photo)
    layers = config.layers
    more = [files.of_layer(layer, layers) for layer in layers]
    files.check(_size_hw(config, picture), inputs=[files.photo], more=more)
    preview = Preview(files, on_event)
    done = _inverted(config, picture, preview, cancel, files)
    if len(layers) >= LEAST_SHEET:
        write_picture(files.target, _sheet(done), quality=files.quality)
        done.files.append(files.target)
    preview.end()
    return done


def _inverted(
    config: InversionConfig,
    picture: Picture,
    on_event: OnEvent,
    cancel: CancelToken | None,
    files: InversionFiles | None = None,
) -> Inversions:
    name = "the photo" if files is None else str(files.photo)
    check_picture(picture.pixels, name)
    model = None if config.model is None else load_inversion_model(config.model)
    trained_with = AUTO if model is None else model.config.loss_network
    network, device, dtype = open_loss_network(
        config, on_event, cancel, in_place_of_auto=trained_with
    )
    photo = visible(picture, _size_hw(config, picture)).to(device)
    check_picture(photo, f"{name}, at the size of the result,")
    layers = config.layers if model is None else (model.config.layer,)
    check_layers(network, list(layers), photo)
    done = Inversions(photo=photo.cpu(), found=[], loss_network=network.name)

    def take(number: int, image: Tensor) -> None:
        layer = layers[number - 1]
        done.found.append(_judged(network, layer, image, photo))
        if files is not None:
            target = files.of_layer(layer, config.layers)
            write_picture(target, image, quality=files.quality)
            done.files.append(target)

    if model is not None:
        with torch.no_grad():
            take(1, model.to(device).invert(network, photo))
        return done
    stages = [inversion_stage(network, photo, layer, config, dtype) for layer in layers]
    run = descend(stages, on_event=on_event, cancel=cancel, done=take)
    if len(done.found) < len(run.images):  # stopped on the way
        take(len(run.images), run.images[-1])
    return replace(done, interrupted=run.stopped is not None)


@torch.no_grad()
def _judged(network: LossNetwork, layer: str, image: Tensor, photo: Tensor) -> Inversion:
    (term,) = content_terms(network(photo, [layer]), {layer: 1.0}, scale="relative")
    error = float(term.error(term.sums(network(image, [layer])[layer])))
    score = float(psnr(image.cpu(), photo.cpu(), data_range=1.0))
    return Inversion(layer=layer, image=image.contiguous().cpu(), psnr=score, error=error)


def _sheet(done: Inversions) -> Tensor:
    images = [done.photo, *(each.image for each in done.found)]
    labels = ["photo", *(each.layer for each in done.found)]
    columns = 4
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    return contact_sheet(rows, labels=labels)


def _size_hw(config: InversionConfig, picture: Picture) -> tuple[int, int]:
    """Of the results. A model is quick, so it has no limit."""
    if config.model is None:
        return size_of(picture.pixels, config.size)
    return size_of(picture.pixels, config.size, limit=None)
