"""What super-resolution and restoration take of the memory, told before they are begun."""

from collections.abc import Sequence
from pathlib import Path

import torch

from impasto.engines.memory import FIXED_BYTES, IMAGE_BYTES, TILES_SHARE
from impasto.engines.superres_options import SuperResOptions
from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words
from impasto.machine.memory import free_memory
from impasto.media import Picture, scaled_size
from impasto.models import SuperResModel
from impasto.painting.large_pictures import is_written_by_rows
from impasto.painting.result_layout import ResultLayout, layout_for
from impasto.painting.source_files import SourceFile

_FILLING_BYTES = 32  # of `fill_hidden` and its pyramid, per pixel
_PILLOW_BYTES = 4  # of a Pillow image, per pixel


def header_layout(
    source: SourceFile,
    models: Sequence[SuperResModel],
    options: SuperResOptions,
    *,
    holes: bool = False,
) -> ResultLayout:
    """What the result will be, as the header tells it; holes: alpha tells what is missing."""
    header = source.header
    return layout_for(
        header.size_hw,
        models,
        options,
        bits=header.bits,
        gray=header.gray,
        has_alpha=header.has_alpha and not holes,
    )


def middle_bytes(
    size_hw: tuple[int, int], models: Sequence[SuperResModel], layout: ResultLayout
) -> int:
    """Of what the models but the last make of a picture of that size, in 16 bits."""
    total, (height, width) = 0, size_hw
    for model in models[:-1]:
        height, width = height * model.factor, width * model.factor
        total += 2 * (3 + layout.has_alpha) * height * width
    return total


def fits_in_memory(
    source: SourceFile,
    target: Path,
    models: Sequence[SuperResModel],
    options: SuperResOptions,
    *,
    size: int | None,
    free_bytes: int | None,
) -> bool:
    """Whether the picture can be read, enlarged and written in memory."""
    if free_bytes is None:
        return True
    layout = header_layout(source, models, options)
    height, width = source.header.size_hw
    each = IMAGE_BYTES + 4 * models[0].config.in_channels
    each += _FILLING_BYTES if source.header.has_alpha else 0
    planes = each * height * width
    middle = middle_bytes(source.header.size_hw, models, layout)
    reading = source.header.decoded_bytes + planes
    working = planes + layout.nbytes + middle + 2 * FIXED_BYTES
    writing, (high, wide) = layout.nbytes, layout.size_hw
    if size is not None:
        out_hw = scaled_size((high, wide), size)
        writing += 8 * high * wide + 10 * layout.channels * out_hw[0] * out_hw[1]
        high, wide = out_hw
    if not is_written_by_rows(target):
        writing += _PILLOW_BYTES * high * wide
    return max(reading, working, writing) <= free_bytes


def check_limit(
    picture: Picture,
    models: Sequence[SuperResModel],
    options: SuperResOptions,
    limit: int | None,
) -> None:
    """Raise OptionError where the result would pass the `limit` of this process, as an image."""
    if limit is None:
        return
    size_hw = (picture.pixels.shape[-2], picture.pixels.shape[-1])
    layout = layout_for(
        size_hw,
        models,
        options,
        bits=picture.bits,
        gray=picture.gray,
        has_alpha=picture.alpha is not None,
    )
    height, width = layout.size_hw
    needed = layout.nbytes + max(
        _PILLOW_BYTES * height * width, middle_bytes(size_hw, models, layout) + 2 * FIXED_BYTES
    )
    free = free_memory(limit, torch.device("cpu"), TILES_SHARE) or 0
    if needed > free:
        raise OptionError(
            f"the result of {width} x {height} px takes {in_words(needed)} of memory, and "
            f"{in_words(max(free, 0))} are left; allow more, choose a smaller factor, or go from "
            "file to file (upscale_file), which takes less"
        )
