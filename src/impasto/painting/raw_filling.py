"""`fill_hidden` for pictures that are not in memory: the same pyramid, its levels on the disk."""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.engines.scratch import Scratch
from impasto.engines.stores import FileStore
from impasto.engines.tiles import Box, split, whole
from impasto.media.colors import TRUSTED_ALPHA, push
from impasto.painting.raw_pictures import Progress, RawPicture

_TILE_PX = 512
_IN_MEMORY_PX = 2048  # long side of the level from which the rest is done at once


def filled(scratch: Scratch, index: int, picture: RawPicture, on_progress: Progress) -> RawPicture:
    """Pass `index`: invisible colours replaced as by `fill_hidden`; alpha stays as it is."""
    result = picture.successor(scratch, index, bits=16)
    found = scratch.find(index)
    if found is None:
        hides = _fill(scratch, picture, result, on_progress)
        found = torch.tensor([float(hides)]), torch.empty(0)
        scratch.note(index, *found)
    if not found[0].item():
        return picture
    picture.store.free()
    return result


def _fill(scratch: Scratch, picture: RawPicture, result: RawPicture, on_progress: Progress) -> bool:
    """False, and nothing done, if the picture hides nothing."""
    levels: list[FileStore] = []
    size_hw = picture.size_hw
    lowest = float("inf")
    while max(size_hw) > _IN_MEMORY_PX or not levels:
        halved = (-(-size_hw[0] // 2), -(-size_hw[1] // 2))
        level = scratch.files.store(f"level-{len(levels)}", 4, halved, torch.float32)
        level.free()  # what an interruption left
        for box in split(whole(halved), _TILE_PX):
            reach = _within(box.scaled(2), size_hw)
            seen = levels[-1].read(reach) if levels else _trusted(picture, reach)
            if not levels:
                lowest = min(lowest, float(seen[:, 3:].min()))
            level.write(box, _halved(seen))
        levels.append(level)
        size_hw = halved
        if lowest == 1:
            level.free()
            return False
    on_progress(0.5)
    coarse = levels.pop()
    known = coarse.read(whole(coarse.size_hw))
    coarse.free()
    below = _kept(scratch, len(levels), push(known[:, :3], known[:, 3:]))
    while levels:
        level = levels.pop()
        finer = scratch.files.store(f"filled-{len(levels)}", 3, level.size_hw, torch.float32)
        finer.free()
        for box in split(whole(level.size_hw), _TILE_PX):
            seen = level.read(box)
            finer.write(box, _enlarged(below, level.size_hw, box).lerp(seen[:, :3], seen[:, 3:]))
        level.free()
        below.free()
        below = finer
    for box in split(whole(picture.size_hw), _TILE_PX):
        seen = _trusted(picture, box)
        colors = _enlarged(below, picture.size_hw, box).lerp(seen[:, :3], seen[:, 3:])
        alpha = picture.samples(box)[:, 3:]
        result.put(box, torch.cat([colors, alpha], 1))
    below.free()
    return True


def _kept(scratch: Scratch, number: int, values: Tensor) -> FileStore:
    size_hw = (values.shape[-2], values.shape[-1])
    store = scratch.files.store(f"filled-{number}", 3, size_hw, torch.float32)
    store.free()
    store.write(whole(size_hw), values)
    return store


def _trusted(picture: RawPicture, box: Box) -> Tensor:
    """Colours, and how far each is trusted: (1, 4, h, w)."""
    samples = picture.samples(box)
    samples[:, 3:].div_(TRUSTED_ALPHA).clamp_(0, 1)
    return samples


def _halved(seen: Tensor) -> Tensor:
    colors, trust = seen[:, :3], seen[:, 3:]
    average = F.avg_pool2d(colors * trust, 2, ceil_mode=True)
    weight = F.avg_pool2d(trust, 2, ceil_mode=True)
    return torch.cat([average / weight.clamp_min(1e-12), (weight * 4).clamp_max(1)], 1)


def _within(box: Box, size_hw: tuple[int, int]) -> Box:
    height, width = size_hw
    return Box(
        top=box.top, bottom=min(box.bottom, height), left=box.left, right=min(box.right, width)
    )


def _enlarged(store: FileStore, size_hw: tuple[int, int], box: Box) -> Tensor:
    """That part of the map enlarged bilinearly to `size_hw`, as F.interpolate does it."""
    rows, down = _places(store.size_hw[0], size_hw[0], box.top, box.bottom)
    columns, right = _places(store.size_hw[1], size_hw[1], box.left, box.right)
    reach = Box(
        top=int(rows.min()),
        bottom=int(rows.max()) + 1,
        left=int(columns.min()),
        right=int(columns.max()) + 1,
    )
    part = store.read(reach)
    upper, lower = (part.index_select(-2, index - reach.top) for index in rows)
    part = upper.lerp(lower, down[:, None])
    first, second = (part.index_select(-1, index - reach.left) for index in columns)
    return first.lerp(second, right)


def _places(size: int, wanted: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """The two neighbours of each sample, (2, n), and the weight of the second, (n,)."""
    place = (torch.arange(start, stop, dtype=torch.float64) + 0.5) * (size / wanted) - 0.5
    place = place.clamp_min(0)
    first = place.floor().long()
    return torch.stack([first, (first + 1).clamp_max(size - 1)]), (place - first).float()
