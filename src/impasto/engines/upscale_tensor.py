"""One model over one picture, tile by tile, equal to the network on the whole of it."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.engines.color_match import match_colors
from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_engine import TileEngine
from impasto.engines.tile_runner import Pixels
from impasto.engines.tiles import Box
from impasto.errors import ImageError
from impasto.media.reading import in_unit_range
from impasto.models import SuperResModel


def upscale_tensor(model: SuperResModel, low_res: Tensor, **options: Any) -> Tensor:
    """Upscale (N, C, h, w) in [0, 1] -> (N, 3, h * factor, w * factor) in [0, 1].

    The result is float32 on the CPU, whatever the device that computes it (default: where the
    model is). C is the model's in_channels, 3, or 4 where the last one is a mask of what is
    missing (1) and known (0). In tiles of `tile_px`, which see as far around them as the network
    does, so that the result is the whole picture's. Where the memory does not suffice tiles become
    smaller, and tiles that overflow in half precision are recomputed in float32; `on_warning` is
    told of both.

    options: of SuperResOptions: strength, color_match, device, precision, backend (by default
    "eager", the network itself in PyTorch; others are within rounding of it), tile_px, on_warning,
    on_progress, cancel.

    Raises ImageError for other shapes, types and values, OptionError for options that cannot be,
    ModelError if the network gives NaN, Cancelled.
    """
    chosen = SuperResOptions(**{"backend": "eager", **options})
    low_res = _checked(low_res, model)
    engine = TileEngine(model, chosen)
    count, _, height, width = low_res.shape
    pixels: Pixels = low_res.cpu().numpy()
    output = np.empty((count, 3, height * model.factor, width * model.factor), np.float32)
    for index in range(count):
        _run(engine, pixels[index : index + 1], output[index : index + 1])
    result = torch.from_numpy(output)
    if chosen.color_match_of(model) == "histogram":
        result = match_colors(result, low_res[:, :3].cpu(), "histogram")
    return result


def _run(engine: TileEngine, pixels: Pixels, output: Pixels) -> None:
    def put(part: Pixels, place: Box) -> None:
        place.of(output)[:] = part

    engine.run((pixels.shape[-2], pixels.shape[-1]), see=lambda window: window.of(pixels), put=put)


def _checked(low_res: Tensor, model: SuperResModel) -> Tensor:
    channels = model.config.in_channels
    if low_res.ndim != 4 or low_res.shape[1] != channels or 0 in low_res.shape:
        raise ImageError(
            f"low_res {tuple(low_res.shape)}: wanted (N, {channels}, h, w), each at least 1"
        )
    if not low_res.is_floating_point():
        raise ImageError(
            f"low_res of {low_res.dtype}: wanted floats in [0, 1]; divide by the maximum"
        )
    return in_unit_range(low_res.detach().float(), "low_res")
