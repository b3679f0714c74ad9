"""A whole picture, with its alpha, depth and greyness, through super-resolution or restoration.

The result is held as the whole numbers that will be written, 3 bytes a pixel at 8 bits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.data.degradations import with_holes
from impasto.engines.alpha_network import AlphaNetwork, is_hard
from impasto.engines.superres_engine import network_for, run_network
from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_network import TileNetwork
from impasto.engines.tiles import Box, whole
from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.machine.memory import total_memory
from impasto.media import Picture, luma
from impasto.media.colors import fill_hidden
from impasto.models import SuperResModel
from impasto.painting.canvas import SampleCanvas
from impasto.painting.result_layout import ResultLayout, check_mask, layout_for

See = Callable[[Box], Tensor]
Put = Callable[[Tensor, Box], object]


def enhance(
    picture: Picture,
    models: Sequence[SuperResModel],
    options: SuperResOptions,
    *,
    size: int | None = None,
    mask: Tensor | None = None,
) -> SampleCanvas:
    """The picture through all `models`, one after another -> samples, alpha as the last channel.

    Grey pictures stay grey, unless a model is there to colour them. What alpha hides does not
    bleed into what it shows. size: long side of the result, if another than the models give.
    mask: (1, 1, H, W), 1 where the picture is missing, for models that take one.

    Raises OptionError where the result would not fit the memory, or mask and models do not go
    together; ImageError for a mask of another size.
    """
    size_hw = (picture.pixels.shape[-2], picture.pixels.shape[-1])
    check_mask(models, size_hw, None if mask is None else (mask.shape[-2], mask.shape[-1]))
    layout = layout_for(
        size_hw,
        models,
        options,
        bits=picture.bits,
        gray=picture.gray,
        has_alpha=picture.alpha is not None,
    )
    _check_memory(layout)
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = fill_hidden(pixels, picture.alpha)
    if layout.adds_color:
        pixels = luma(pixels).expand(-1, 3, -1, -1)
    canvas = SampleCanvas.blank(layout.size_hw, layout.channels, bits=layout.bits)
    enlarged = 1 + (layout.has_alpha and layout.enlarges)
    passes = _Passes(models=models, options=layout.options, count=enlarged)
    put = _putting(canvas, gray=layout.colors == 1)
    passes.run(_seeing(pixels, mask), size_hw, put, channels=3)
    if picture.alpha is not None:
        _put_alpha(picture.alpha, canvas, layout.colors, passes if layout.enlarges else None)
    if layout.matching:
        canvas.match_histograms(pixels[0, : layout.colors])
        canvas = canvas if picture.bits == 16 else canvas.narrowed()
    return canvas if size is None else canvas.resized(size)


@dataclass(kw_only=True)
class _Passes:
    """`count` runs through all the models, which together are the work on one picture."""

    models: Sequence[SuperResModel]
    options: SuperResOptions
    count: int
    _done: float = 0.0

    def run(
        self,
        see: See,
        size_hw: tuple[int, int],
        put: Put,
        *,
        channels: int,
        wrap: Callable[[TileNetwork, bool], TileNetwork | AlphaNetwork] | None = None,
    ) -> None:
        """Send what `see` gives, a picture of `size_hw`, through the models and to `put`.

        wrap: what else is to be done to each tile, given the network and whether it is the first.
        """
        height, width = size_hw
        for index, model in enumerate(self.models):
            plain = network_for(model, self.options)
            network = plain if wrap is None else wrap(plain, index == 0)
            options = self._told(height * width / (size_hw[0] * size_hw[1]))
            large_hw = (height * model.factor, width * model.factor)
            if index == len(self.models) - 1:
                run_network(network, (height, width), see=see, put=put, options=options)
            else:  # between two models nothing is rounded to 8 bits
                canvas = SampleCanvas.blank(large_hw, channels, bits=16)
                run_network(network, (height, width), see=see, put=canvas.put, options=options)
                see = canvas.see
            height, width = large_hw

    def _told(self, pixels: float) -> SuperResOptions:
        """The options, with the progress of a step put in its place in the whole.

        pixels: how many times as many as the picture the step has to look at.
        """
        factors = [model.factor for model in self.models]
        total = sum(math.prod(factors[:index]) ** 2 for index in range(len(factors)))
        share, before = pixels / total / self.count, self._done
        self._done += share

        def tell(part: float) -> None:
            self.options.on_progress(before + share * part)

        return replace(self.options, on_progress=tell)


def _put_alpha(alpha: Tensor, canvas: SampleCanvas, channel: int, passes: _Passes | None) -> None:
    """Alpha through the models too; without `passes` it stays as it is."""
    size_hw = (alpha.shape[-2], alpha.shape[-1])

    def put(part: Tensor, place: Box) -> None:
        canvas.put(part, place, channel=channel)

    if passes is None:
        put(alpha, whole(size_hw))
        return
    hard = is_hard(lambda top, bottom: alpha[:, :, top:bottom], size_hw)
    passes.options = replace(passes.options, color_match="none")
    passes.run(
        lambda window: window.of(alpha),
        size_hw,
        put,
        channels=1,
        wrap=lambda network, first: AlphaNetwork(network=network, hard=hard and first),
    )


def _seeing(pixels: Tensor, mask: Tensor | None) -> See:
    def see(window: Box) -> Tensor:
        part = window.of(pixels)
        return part if mask is None else with_mask(part, window.of(mask))

    return see


def with_mask(part: Tensor, holes: Tensor) -> Tensor:
    """What a model that fills holes is given: (1, 3, h, w), (1, 1, h, w) -> (1, 4, h, w)."""
    return torch.cat([with_holes(part, holes), holes], dim=1)


def _putting(canvas: SampleCanvas, *, gray: bool) -> Put:
    def put(part: Tensor, place: Box) -> None:
        canvas.put(luma(part) if gray else part, place)

    return put


def _check_memory(layout: ResultLayout) -> None:
    """Raise OptionError where the result alone is larger than the machine's memory."""
    height, width = layout.size_hw
    limit = total_memory(torch.device("cpu"))
    if limit is not None and layout.nbytes > limit:
        raise OptionError(
            f"the result of {width} x {height} px takes {in_words(layout.nbytes)}, and this "
            f"machine has {in_words(limit)} of memory; choose a smaller factor, or go from file "
            "to file"
        )
