"""`texture`: a painting in, a picture of its style alone out, as a Pillow image or a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, OnEvent, ignore
from impasto.losses.terms import layer_weights
from impasto.media import Picture, read_picture, resize, to_pil, write_picture
from impasto.media.photos import Photo, as_picture
from impasto.optimization.config import LEAST_PX, LOOK, MAX_SIZE, SeeingConfig
from impasto.optimization.descent import descend
from impasto.optimization.outputs import OutputFiles, Preview
from impasto.optimization.pictures import check_picture, size_of, visible
from impasto.optimization.synthesis import COARSEST_PX, ITERATIONS, texture_stages
from impasto.options import option, takes


def parse_size(text: str) -> tuple[int, int]:
    """ "1024x768" -> (1024, 768); "512" -> (512, 512). Raises OptionError."""
    match = re.fullmatch(r"(\d+)(?:[x×](\d+))?", text.strip())  # noqa: RUF001
    if match is None:
        raise OptionError(f"got {text!r}; wanted WIDTHxHEIGHT in pixels, as 1024x768")
    return int(match[1]), int(match[2] or match[1])


@dataclass(frozen=True, kw_only=True)
class TextureConfig(SeeingConfig):
    """How a texture is made; refuses nonsense with OptionError when it is made.

    size_wh: width and height of the result, px.
    """

    layers: Mapping[str, float] = option(
        help="As relu1_2,relu2_2:0.5; more and deeper ones bring larger structures.",
        factory=dict,
        group=LOOK,
    )
    size_wh: tuple[int, int] | None = option(
        None,
        "WIDTHxHEIGHT of the result, or one side.",
        unit="px",
        at_least=LEAST_PX,
        at_most=MAX_SIZE,
        parse=parse_size,
        default_text="the painting's",
        flags=("--size",),
        group=LOOK,
    )
    painting_size: int | None = option(
        None,
        "Long side of the painting: smaller gives finer strokes.",
        unit="px",
        at_least=1,
        at_most=MAX_SIZE,
        default_text="its own, 512 at most",
        group=LOOK,
    )
    seamless: bool = option(False, "Let the result tile the plane.", group=LOOK)
    iterations: int | None = option(
        None, "Iterations over all stages.", at_least=1, default_text=str(ITERATIONS), group=LOOK
    )
    coarsest_px: int = option(
        COARSEST_PX,
        "Short side of the first stage; 0: one stage, as in the papers, and no larger order.",
        unit="px",
        at_least=0,
        flags=("--coarsest",),
        group=LOOK,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.layers:
            raise OptionError("`layers` are missing; name some, as relu1_2,relu2_2")
        if not sum(layer_weights(self.layers, "style").values()) > 0:
            raise OptionError(f"`layers`: got {dict(self.layers)}; give one a weight above 0")

    def size_hw(self, picture: Picture) -> tuple[int, int]:
        """Of the result."""
        if self.size_wh is None:
            return size_of(picture.pixels, self.painting_size)
        return self.size_wh[1], self.size_wh[0]


@dataclass(frozen=True, kw_only=True)
class Texture:
    """The result (1, 3, H, W) in [0, 1] on the CPU. interrupted: it was ended early."""

    image: Tensor
    loss_network: str
    interrupted: bool = False


@takes(TextureConfig, leave_out=["layers"])
def texture(
    painting: Photo,
    layers: Sequence[str] | Mapping[str, float],
    *,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Image.Image:
    """A picture of a painting's style alone, of any size -> an 8-bit Pillow image.

    painting: a path, Pillow image, array or tensor, as for `impasto.stylize`. layers: names, or
    name -> weight. on_event: hears Step, Progress (of a download) and Notice. cancel: its
    `cancel()`, from any thread, ends the work with the best image so far. options: see
    `TextureConfig`. Raises ImageError, OptionError, WeightsError or OptimizationError, and
    Cancelled if there is no image yet.
    """
    config = TextureConfig(layers=layer_weights(layers, "style"), **options)
    return to_pil(_made(config, as_picture(painting), on_event, cancel).image)


@dataclass(frozen=True, kw_only=True)
class TextureFiles(OutputFiles):
    """Which files go in and out."""

    painting: Path


def texture_file(
    config: TextureConfig,
    files: TextureFiles,
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> Texture:
    """Make a texture of `files.painting` into `files.target`, atomically.

    On KeyboardInterrupt, or when `cancel` is set, what is there is written, enlarged if its stage
    was a coarse one, and the result says `interrupted`; if nothing is there yet, it is raised.
    Raises as `texture`, also for a target that cannot be written, before the work.
    """
    picture = read_picture(files.painting, max_pixels=files.max_pixels)
    files.check(config.size_hw(picture), inputs=[files.painting])
    preview = Preview(files, on_event)
    made = _made(config, picture, preview, cancel, name=str(files.painting))
    write_picture(files.target, made.image, quality=files.quality)
    preview.end()
    return made


def _made(
    config: TextureConfig,
    picture: Picture,
    on_event: OnEvent,
    cancel: CancelToken | None,
    *,
    name: str = "the painting",
) -> Texture:
    check_picture(picture.pixels, name)
    network, device, dtype = config.open(on_event, cancel)
    size_hw = config.size_hw(picture)
    stages = texture_stages(
        network,
        visible(picture, size_of(picture.pixels, config.painting_size)).to(device),
        config.layers,
        size_hw=size_hw,
        iterations=config.iterations or ITERATIONS,
        seamless=config.seamless,
        coarsest_px=config.coarsest_px,
        seed=config.seed,
        dtype=dtype,
        max_memory_bytes=config.max_memory_bytes,
    )
    run = descend(stages, on_event=on_event, cancel=cancel)
    return Texture(
        image=resize(run.images[-1], size_hw).contiguous().cpu(),
        loss_network=network.name,
        interrupted=run.stopped is not None,
    )
