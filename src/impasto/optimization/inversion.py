"""Feature inversion: which picture does a layer of the loss network see? (paper, figure 3)"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, OnEvent, ignore
from impasto.losses import LossWeights, content_terms, isotropic_tv
from impasto.losses.strips import whole_features
from impasto.losses.terms import check_weight, lasting
from impasto.media import Picture, contact_sheet, psnr, read_picture, to_pil, write_picture
from impasto.media.photos import Photo, as_picture
from impasto.models.inversion_model import load_inversion_model
from impasto.networks import LossNetwork
from impasto.networks.loss.load import AUTO
from impasto.optimization.config import LOOK, MAX_SIZE, SeeingConfig
from impasto.optimization.descent import Stage, descend
from impasto.optimization.memory import network_cost, strips_that_fit, usable_memory
from impasto.optimization.objective import PictureLoss
from impasto.optimization.outputs import OutputFiles, Preview
from impasto.optimization.pictures import check_layers, check_picture, size_of, visible
from impasto.options import option, takes

ITERATIONS = 200
TV_WEIGHT = 0.1  # for each pixel of a sample's side: relu1 0.1, relu2 0.2 ... relu5 1.6
NOISE = 0.1  # standard deviation of the start around mid-grey
LEAST_SHEET = 2  # layers from which a sheet shows them side by side


def invert_features(
    loss_network: LossNetwork,
    image: Tensor,
    layer: str,
    *,
    on_event: OnEvent = ignore,
    **options: Any,
) -> Tensor:
    """The image that `layer` cannot tell from `image`, (1, 3, H, W) in [0, 1] -> the same shape.

    options and errors: see `inversion_stage`; also OptimizationError if the objective is not
    finite. The image of least value is returned.
    """
    stage = inversion_stage(loss_network, image, layer, **options)
    found = descend([stage], on_event=on_event)
    return found.kept(on_interrupt=False).images[-1]


def inversion_stage(
    loss_network: LossNetwork,
    image: Tensor,
    layer: str,
    *,
    iterations: int = ITERATIONS,
    tv_weight: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    max_memory_bytes: int | None = None,
) -> Stage:
    """How the image that `layer` cannot tell from `image` (1, 3, H, W) is found.

        argmin over x in [0, 1] of |phi(x) - phi(image)|^2 / |phi(image)|^2 + tv_weight * TV(x)

    Mahendran and Vedaldi (arXiv 1412.0035), paper section 3.2: with projected L-BFGS from noise
    around mid-grey, drawn by `seed` alone. TV is their isotropic total variation with exponent 1,
    mean over pixels and channels; its weight is by default 0.1 times the pixels a side for each
    sample of the layer, because the deeper a layer the less it holds down the grain by itself. As
    the feature error is relative, a weight means the same for every photo and loss network.
    dtype: what the loss network computes in.

    Raises OptionError for a layer that the loss network lacks, an image too small for the layer or
    too large for the memory, and numbers out of range; ImageError for an image that is tiny or of
    one colour.
    """
    if tv_weight is not None:
        check_weight(tv_weight, "tv_weight")
    if iterations < 1:
        raise OptionError(f"got {iterations} iterations; wanted 1 or more")
    check_picture(image, "the photo")
    check_layers(loss_network, [layer], image)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    start = (0.5 + NOISE * noise).clamp(0, 1).to(image.device)
    cost = network_cost(loss_network, [layer], dtype, image.device)
    limit = usable_memory(image.device) if max_memory_bytes is None else max_memory_bytes
    strips = strips_that_fit([((image.shape[2], image.shape[3]), "lbfgs", 0.0)], cost, limit)

    def loss() -> PictureLoss:
        shown = image.contiguous(memory_format=torch.channels_last)
        with lasting(shown):
            target = whole_features(loss_network, shown, [layer], strips)
        stride = image.shape[2] / target[layer].shape[2]
        tv = TV_WEIGHT * stride if tv_weight is None else tv_weight
        return PictureLoss(
            loss_network,
            content_terms(target, {layer: 1.0}, scale="relative"),
            LossWeights(content=1.0, style=0.0, tv=tv),
            tv=partial(isotropic_tv, reduction="mean"),
            strips=strips,
        )

    return Stage(iterations=iterations, loss=loss, start=lambda _: start, dtype=dtype)


@dataclass(frozen=True, kw_only=True)
class InversionConfig(SeeingConfig):
    """How photos are inverted; refuses nonsense with OptionError when it is made.

    `layers` are inverted by optimisation, one after another; or a `model`, a file of `impasto
    train inversion`, gives its layer's inversion in one pass.
    """

    layers: tuple[str, ...] = option(
        (),
        "Layer, as relu3_3; repeat it, or separate several by commas.",
        flags=("--layer",),
        group=LOOK,
    )
    model: str | Path | None = option(
        None, "Instead: a model file of `impasto train inversion`; one pass.", group=LOOK
    )
    size: int | None = option(
        None,
        "Long side of the result.",
        unit="px",
        at_least=1,
        at_most=MAX_SIZE,
        default_text="the photo's; without a model 512 at most",
        group=LOOK,
    )
    iterations: int | None = option(
        None, "Iterations for each layer.", at_least=1, default_text=str(ITERATIONS), group=LOOK
    )
    tv_weight: float | None = option(
        None,
        "How much total variation counts; more is smoother.",
        at_least=0,
        default_text=f"{TV_WEIGHT} for each px of a sample's side",
        group=LOOK,
    )

    def __post_init__(self) -> None:
        names = [name.strip() for text in self.layers for name in text.split(",")]
        object.__setattr__(self, "layers", tuple(names))
        super().__post_init__()
        if bool(self.layers) == (self.model is not None):
            raise OptionError("name at least one of `layers`, or a `model`, and not both")
        if len(set(self.layers)) != len(self.layers) or not all(self.layers):
            raise OptionError(f"`layers`: got {list(self.layers)}; wanted names, each once")

    def size_hw(self, picture: Picture) -> tuple[int, int]:
        """Of the results. A model is quick, so it has no limit."""
        if self.model is None:
            return size_of(picture.pixels, self.size)
        return size_of(picture.pixels, self.size, limit=None)


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


@takes(InversionConfig, leave_out=["layers"])
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


@dataclass(frozen=True, kw_only=True)
class InversionFiles(OutputFiles):
    """Which files go in and out.

    Of one layer the inversion goes to `target`; of several each goes beside it, as
    target-relu3_3.png, and `target` is a sheet of them all.
    """

    photo: Path

    def of_layer(self, layer: str, layers: Sequence[str]) -> Path:
        """Where the inversion of one of `layers` goes."""
        if len(layers) < LEAST_SHEET:
            return self.target
        return self.target.with_name(
            f"{self.target.stem}-{layer.replace('/', '-')}{self.target.suffix}"
        )


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
    picture = read_picture(files.photo, max_pixels=files.max_pixels)
    layers = config.layers
    more = [files.of_layer(layer, layers) for layer in layers]
    files.check(config.size_hw(picture), inputs=[files.photo], more=more)
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
    network, device, dtype = config.open(on_event, cancel, in_place_of_auto=trained_with)
    photo = visible(picture, config.size_hw(picture)).to(device)
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
    stages = [
        inversion_stage(
            network,
            photo,
            layer,
            iterations=config.iterations or ITERATIONS,
            tv_weight=config.tv_weight,
            seed=config.seed,
            dtype=dtype,
            max_memory_bytes=config.max_memory_bytes,
        )
        for layer in layers
    ]
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
