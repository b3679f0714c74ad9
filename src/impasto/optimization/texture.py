"""`texture`: a painting in, a picture of its style alone out, as a Pillow image or a file."""

from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from impasto.events import CancelToken, OnEvent, ignore
from impasto.media import Picture, resize, to_pil, write_picture
from impasto.media.reading import Photo, as_picture
from impasto.optimization.config import LayerWeights, TextureConfig
from impasto.optimization.descent import descend
from impasto.optimization.outputs import Preview, TextureFiles
from impasto.optimization.pictures import check_picture, size_of, visible
from impasto.optimization.setup import open_loss_network
from impasto.optimization.synthesis import texture_stages
from impasto.option_types import layer_weights
from impasto.options import shows_options


@dataclass(frozen=True, kw_only=True)
class Texture:
    """The result (1, 3, H, W) in [0, 1] on the CPU. interrupted: it was ended early."""

    image: Tensor
    loss_network: str
    interrupted: bool = False


@shows_options(TextureConfig, leave_out=["layers"])
def texture(
    painting: Photo,
    layers: LayerWeights,
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
    picture = files.read(files.painting)
    files.check(_size_hw(config, picture), inputs=[files.painting])
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
    network, device, dtype = open_loss_network(config, on_event, cancel)
    size_hw = _size_hw(config, picture)
    looked_at = visible(picture, size_of(picture.pixels, config.painting_size)).to(device)
    stages = texture_stages(network, looked_at, config, dtype)
    run = descend(stages, on_event=on_event, cancel=cancel)
    return Texture(
        image=resize(run.images[-1], size_hw).contiguous().cpu(),
        loss_network=network.name,
        interrupted=run.stopped is not None,
    )


def _size_hw(config: TextureConfig, picture: Picture) -> tuple[int, int]:
    """Of the result."""
    if config.size_wh is None:
        return size_of(picture.pixels, config.painting_size)
    return config.size_wh[1], config.size_wh[0]
