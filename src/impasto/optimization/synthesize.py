"""Texture synthesis: a painting in, a Pillow image or a file out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.weights import layer_weights
from impasto.media import DEFAULT_MAX_PIXELS, Picture, read_picture, resize, to_pil, write_picture
from impasto.media.reading import Photo, as_picture
from impasto.optimization.config import LEAST_PX
from impasto.optimization.events import OnEvent, ignore
from impasto.optimization.outputs import check_outputs
from impasto.optimization.preview import PreviewFile
from impasto.optimization.seeing import (
    MAX_SIZE,
    SeeingConfig,
    check_whole,
    size_of,
    until_interrupted,
    visible,
)
from impasto.optimization.setup import check_picture
from impasto.optimization.texture import COARSEST_PX, ITERATIONS, synthesize_texture


@dataclass(frozen=True, kw_only=True)
class TextureConfig(SeeingConfig):
    """How a texture is made; refuses nonsense with OptionError when it is made.

    layers: name -> weight; more and deeper ones bring larger structures. size_wh: width and height
    of the result, px (None: the painting's). painting_size: long side of the painting, px (None:
    its own, 512 at most): smaller gives finer strokes. seamless: the result tiles the plane.
    coarsest_px: short side of the first of several stages; 0: one stage, as in the papers.
    """

    layers: Mapping[str, float] = field(default_factory=dict)
    size_wh: tuple[int, int] | None = None
    painting_size: int | None = None
    seamless: bool = False
    coarsest_px: int = COARSEST_PX

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("coarsest", self.coarsest_px, least=0)
        if not self.layers:
            raise OptionError("--layers is missing; name some, as relu1_2,relu2_2")
        if not sum(layer_weights(self.layers, "style").values()) > 0:
            raise OptionError(f"got layers {dict(self.layers)}; give one of them a weight above 0")
        if isinstance(self.size_wh, int):
            raise OptionError(f"size_wh {self.size_wh}: wanted (width, height)")
        if self.size_wh is not None and not (
            min(self.size_wh) >= LEAST_PX and max(self.size_wh) <= MAX_SIZE
        ):
            width, height = self.size_wh
            raise OptionError(
                f"--size {width}x{height}: wanted {LEAST_PX} to {MAX_SIZE} px a side, as 1024x768"
            )


class TextureOptions(TypedDict, total=False):
    """The fields of `TextureConfig` that `texture` takes as keywords."""

    loss_network: str
    loss_network_family: str
    iterations: int | None
    seed: int
    precision: str
    device: str
    threads: int
    size_wh: tuple[int, int] | None
    painting_size: int | None
    seamless: bool
    coarsest_px: int


@dataclass(frozen=True, kw_only=True)
class Texture:
    """The result (1, 3, H, W) in [0, 1] on the CPU. interrupted: Ctrl-C ended it early."""

    image: Tensor
    loss_network: str
    interrupted: bool = False


def texture(
    painting: Photo,
    layers: Sequence[str] | Mapping[str, float],
    *,
    on_event: OnEvent = ignore,
    **options: Unpack[TextureOptions],
) -> Image.Image:
    """A picture of a painting's style alone, of any size -> an 8-bit Pillow image.

    painting: a path, Pillow image, array or tensor, as for `impasto.stylize`. layers: names, or
    name -> weight. options: see `TextureConfig`. Raises ImageError, OptionError, WeightsError or
    OptimizationError.
    """
    config = TextureConfig(layers=layer_weights(layers, "style"), **options)
    return to_pil(_made(config, as_picture(painting), on_event).image)


@dataclass(frozen=True, kw_only=True)
class TextureFiles:
    """Which files go in and out; preview as in `InversionFiles`."""

    painting: Path
    target: Path
    preview: Path | None = None
    keep_preview: bool = False
    quality: int = 95
    max_pixels: int = DEFAULT_MAX_PIXELS


def texture_file(config: TextureConfig, files: TextureFiles, on_event: OnEvent = ignore) -> Texture:
    """Make a texture of `files.painting` into `files.target`, atomically.

    On KeyboardInterrupt what is there is written, enlarged if its stage was a coarse one, and the
    result says `interrupted`; if nothing is there yet, it is raised. Raises as `texture`, also for
    a target that cannot be written, before the work.
    """
    picture = read_picture(files.painting, max_pixels=files.max_pixels)
    targets = [files.target] if files.preview is None else [files.target, files.preview]
    check_outputs(targets, _size(config, picture), inputs=[files.painting])
    preview = None if files.preview is None else PreviewFile(files.preview, on_event)
    made = _made(config, picture, preview or on_event, name=str(files.painting))
    write_picture(files.target, made.image, quality=files.quality)
    if preview is not None and not files.keep_preview:
        preview.remove()
    return made


def _size(config: TextureConfig, picture: Picture) -> tuple[int, int]:
    if config.size_wh is None:
        return size_of(picture.pixels, config.painting_size)
    return config.size_wh[1], config.size_wh[0]


def _made(
    config: TextureConfig, picture: Picture, on_event: OnEvent, *, name: str = "the painting"
) -> Texture:
    check_picture(picture.pixels, name)
    network, device, dtype = config.open(on_event)
    painting = visible(picture, size_of(picture.pixels, config.painting_size)).to(device)

    def work(report: OnEvent) -> Tensor:
        return synthesize_texture(
            network,
            painting,
            config.layers,
            size_hw=_size(config, picture),
            iterations=config.iterations or ITERATIONS,
            seamless=config.seamless,
            coarsest_px=config.coarsest_px,
            seed=config.seed,
            dtype=dtype,
            on_event=report,
        )

    image, interrupted = until_interrupted(work, on_event)
    return Texture(
        image=resize(image, _size(config, picture)).contiguous().cpu(),
        loss_network=network.name,
        interrupted=interrupted,
    )
