"""From a photo or a picture file to what a network sees: unpacked, hidden colours filled, resized.

Each step is passed over if it was finished before an interruption.
"""

import ast
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from impasto.engines.tiles import Box, split, whole
from impasto.files.atomic import write_text
from impasto.media.decoding import DecodedPicture, decoded_file, decoded_image
from impasto.media.deep_samples import deep_layout
from impasto.media.metadata import orientation
from impasto.media.opening import opened, pillow_warnings_ignored, read_errors_named
from impasto.media.picture import DEFAULT_MAX_PIXELS, Metadata
from impasto.media.samples import bands
from impasto.painting.canvas import ArrayPlane, Canvas, Floats, Plane, Room, ScratchRoom
from impasto.painting.options import LARGEST_PIXELS

if TYPE_CHECKING:
    from impasto.media.reading import Photo

Tell = Callable[[float], object]
Open = Callable[[], AbstractContextManager[DecodedPicture]]

# From this alpha on a pixel's own colour is trusted wholly; below, it is rounded too coarsely.
TRUSTED_ALPHA = np.float32(1 / 16)
_TILE_PX = 512
_LAST_LEVEL_PX = 2048  # long side of the level from which the rest is done at once


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file's header tells: its size once upright, and what decoding it in memory takes.

    bits, gray, has_alpha: roughly what the picture will have, for estimates.
    """

    size_hw: tuple[int, int]
    decoded_bytes: int
    bits: int
    gray: bool
    has_alpha: bool

    @property
    def pixels(self) -> int:
        return self.size_hw[0] * self.size_hw[1]

    @property
    def sample_bytes(self) -> int:
        """Of the picture once it is unpacked in memory."""
        return self.pixels * (3 + self.has_alpha) * (1 if self.bits == 8 else 4)


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A picture file of at most `max_pixels` pixels."""

    path: Path
    max_pixels: int = LARGEST_PIXELS

    @cached_property
    def header(self) -> Header:
        """Raises ImageError, which names the file."""
        with opened(self.path, self.max_pixels) as image:
            deep = deep_layout(image) is not None or image.mode.startswith("I;16")
            turn, mode = orientation(image), image.mode
            has_alpha = "a" in mode.lower() or "transparency" in image.info
            height, width = image.height, image.width
        copies = 1 + (turn > 1) + (mode not in ("1", "L", "RGB"))
        each = 8 if deep else 1 if mode in ("1", "L") else 4
        return Header(
            size_hw=(width, height) if turn > 4 else (height, width),
            decoded_bytes=copies * each * height * width,
            bits=16 if deep or mode in ("I", "F") else 8,
            gray=mode[0] in "1LIF" and mode != "LAB",
            has_alpha=has_alpha and mode != "LAB",
        )

    def decoded(self, free_bytes: int | None = None) -> AbstractContextManager[DecodedPicture]:
        """Decode it, within `free_bytes` if they are given."""
        if free_bytes is None or self.header.decoded_bytes <= free_bytes:
            return decoded_file(self.path, self.max_pixels)
        from impasto.media.streaming import streamed_file

        return streamed_file(self.path, self.max_pixels)


def as_canvas(photo: "Photo", tell: Tell) -> Canvas:
    """A path, a Pillow image, an array or a tensor, see `as_picture` -> its samples in memory."""
    if isinstance(photo, str | Path):
        source = SourceFile(path=Path(photo), max_pixels=DEFAULT_MAX_PIXELS)
        return unpacked(Room(), source.decoded, tell)
    if isinstance(photo, Image.Image):
        return _of_pillow(photo, tell)
    from impasto.media.reading import as_picture

    picture = as_picture(photo)
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    samples: Any = np.concatenate([plane.numpy() for plane in planes], axis=1)
    return Canvas(
        plane=ArrayPlane(samples[0].transpose(1, 2, 0)),
        bits=picture.bits,
        gray=picture.gray,
    )


def _of_pillow(image: Image.Image, tell: Tell) -> Canvas:
    """As a file would be read; `image` is not changed. Of an animation the present frame."""
    source = str(getattr(image, "filename", "") or f"image of mode {image.mode}")
    with read_errors_named(source), pillow_warnings_ignored():
        image.load()
        decoded = decoded_image(image, source, owned=False)
        return unpacked(Room(), lambda: nullcontext(decoded), tell)


def unpacked(room: Room, open_source: Open, tell: Tell) -> Canvas:
    """The samples of a picture; between 0 and 1 floats in memory, of 16 bits in a file."""
    if isinstance(room, ScratchRoom):
        return _unpacked_into_file(room, open_source, tell)
    with open_source() as decoded:
        return _copied(room, decoded, tell)


def _unpacked_into_file(room: ScratchRoom, open_source: Open, tell: Tell) -> Canvas:
    facts, name = room.facts, f"map-{room.index}"
    if room.recall() is not None:
        noted = ast.literal_eval(facts.read_text(encoding="utf-8"))
        metadata = Metadata(**noted.pop("metadata"))
        channels, size_hw, dtype = noted.pop("plane")
        plane = room.plane(channels, size_hw, dtype, name)
        return Canvas(plane=plane, metadata=metadata, **noted)
    with open_source() as decoded:
        canvas = _copied(room, decoded, tell)
    plane = canvas.plane
    noted = {
        "plane": (plane.channels, plane.size_hw, plane.dtype.name),
        "bits": canvas.bits,
        "gray": canvas.gray,
        "metadata": asdict(canvas.metadata),
    }
    write_text(facts, repr(noted))  # of numbers, texts and bytes
    room.note()
    return canvas


def _copied(room: Room, decoded: DecodedPicture, tell: Tell) -> Canvas:
    has_alpha = decoded.channels in (2, 4)
    dtype = "uint8" if decoded.bits == 8 else "float32" if room.in_memory else "uint16"
    plane = room.plane(3 + has_alpha, decoded.size_hw, dtype)
    canvas = Canvas(plane=plane, bits=decoded.bits, gray=decoded.gray, metadata=decoded.metadata)
    for top, bottom in bands(decoded.size_hw):
        rows = decoded.rows(top, bottom)
        if decoded.channels < 3:
            rows = rows[..., [0, 0, 0, 1][: 3 + has_alpha]]
        canvas.put(canvas.rows(top, bottom), rows.transpose(2, 0, 1)[None])
        tell(bottom / decoded.size_hw[0])
    return canvas


def resized(room: Room, canvas: Canvas, long_side: int, tell: Tell) -> Canvas:
    """As `resize_long_side` resizes it; in files by bands of rows, at 16 bits."""
    import torch

    from impasto.media.picture import scaled_size
    from impasto.media.resizing import resampled_rows, resize_long_side

    if room.in_memory:
        pixels = torch.from_numpy(canvas.samples(whole(canvas.size_hw)))
        array = resize_long_side(pixels, long_side)[0].permute(1, 2, 0).numpy()
        return replace(canvas, plane=ArrayPlane(array))
    size_hw = scaled_size(canvas.size_hw, long_side)
    large = replace(canvas, plane=room.plane(canvas.plane.channels, size_hw, "uint16"))
    if room.recall() is None:

        def see(top: int, bottom: int) -> torch.Tensor:
            return torch.from_numpy(canvas.samples(canvas.rows(top, bottom)))

        for top, bottom in bands(size_hw):
            rows = resampled_rows(see, canvas.size_hw, size_hw, top, bottom)
            large.put(large.rows(top, bottom), rows.numpy())
            tell(bottom / size_hw[0])
        room.note()
    canvas.plane.free()
    return large


def filled(room: Room, canvas: Canvas, tell: Tell) -> Canvas:
    """Invisible colours replaced by those nearby; alpha, and what is visible, stay as they are.

    What lies under full transparency is arbitrary (often black), but a network would paint its
    edges into the visible part. Averages of the visible colours over growing squares flow in
    instead (the pull-push pyramid of Gortler et al., The Lumigraph, 1996). A picture without any
    becomes mid-grey.
    """
    dtype = "float32" if room.in_memory else "uint16"
    result = replace(canvas, plane=room.plane(4, canvas.size_hw, dtype))
    noted = room.recall()
    if noted is None:
        noted = [float(_fill(room, canvas, result, tell))]
        room.note(*noted)
    if not noted[0]:
        return canvas
    canvas.plane.free()
    return result


def _fill(room: Room, canvas: Canvas, result: Canvas, tell: Tell) -> bool:
    """False, and nothing done, if the picture hides nothing."""
    levels: list[Plane] = []
    size_hw = canvas.size_hw
    lowest = float("inf")
    while max(size_hw) > _LAST_LEVEL_PX or not levels:
        halved = (-(-size_hw[0] // 2), -(-size_hw[1] // 2))
        level = _empty(room, f"level-{len(levels)}", 4, halved)
        for box in split(whole(halved), _TILE_PX):
            reach = _within(box.scaled(2), size_hw)
            seen = levels[-1].read(reach) if levels else _trusted(canvas, reach)
            if not levels:
                lowest = min(lowest, float(seen[:, 3:].min()))
            level.write(box, _halved(seen))
        levels.append(level)
        size_hw = halved
        if lowest == 1:
            level.free()
            return False
    tell(0.5)
    coarse = levels.pop()
    below = _empty(room, f"filled-{len(levels)}", 3, coarse.size_hw)
    below.write(whole(coarse.size_hw), _pushed(coarse.read(whole(coarse.size_hw))))
    coarse.free()
    while levels:
        level = levels.pop()
        finer = _empty(room, f"filled-{len(levels)}", 3, level.size_hw)
        for box in split(whole(level.size_hw), _TILE_PX):
            finer.write(box, _laid_over(below, level.size_hw, box, level.read(box)))
        level.free()
        below.free()
        below = finer
    for box in split(whole(canvas.size_hw), _TILE_PX):
        colors = _laid_over(below, canvas.size_hw, box, _trusted(canvas, box))
        result.put(box, np.concatenate([colors, canvas.see_alpha(box)], axis=1))
    below.free()
    return True


def _empty(room: Room, name: str, channels: int, size_hw: tuple[int, int]) -> Plane:
    plane = room.plane(channels, size_hw, "float32", name)
    plane.free()  # what an interruption left
    return plane


def _pushed(known: Floats) -> Floats:
    """Colours and trust, (1, 4, h, w), of a small picture -> colours, filled."""
    size_hw = (known.shape[-2], known.shape[-1])
    if max(size_hw) == 1:
        return blended(np.full_like(known[:, :3], 0.5), known[:, :3], known[:, 3:])
    below = _pushed(_halved(known))
    plane = ArrayPlane(below[0].transpose(1, 2, 0))
    return _laid_over(plane, size_hw, whole(size_hw), known)


def _laid_over(below: Plane, size_hw: tuple[int, int], box: Box, known: Floats) -> Floats:
    """What is known, and what the smaller picture `below` has where it is not."""
    return blended(_enlarged(below, size_hw, box), known[:, :3], known[:, 3:])


def blended(image: Floats, other: Floats, share: Floats | np.float32) -> Floats:
    """From `image`, share 0, to `other`, share 1, which then is exact."""
    mixed: Floats = other - (other - image) * (1 - share)
    return mixed


def _trusted(canvas: Canvas, box: Box) -> Floats:
    """Colours, and how far each is trusted: (1, 4, h, w)."""
    samples = canvas.samples(box)
    samples[:, 3:] = np.clip(samples[:, 3:] / TRUSTED_ALPHA, 0, 1)
    return samples


def _halved(seen: Floats) -> Floats:
    """Averages of 2 x 2 pixels, of colours by how far each is trusted; fewer at an odd end."""
    colors, trust = seen[:, :3], seen[:, 3:]
    average, weight = _averages(colors * trust), _averages(trust)
    return np.concatenate(
        [average / np.maximum(weight, np.float32(1e-12)), np.minimum(weight * 4, 1)], axis=1
    )


def _averages(values: Floats) -> Floats:
    odd = [(0, side % 2) for side in values.shape[-2:]]
    if odd != [(0, 0), (0, 0)]:
        values = np.pad(values, [(0, 0), (0, 0), *odd], mode="edge")
    upper, lower = values[..., ::2, :], values[..., 1::2, :]
    sums = upper + lower
    quarters: Floats = (sums[..., ::2] + sums[..., 1::2]) * np.float32(0.25)
    return quarters


def _within(box: Box, size_hw: tuple[int, int]) -> Box:
    height, width = size_hw
    return Box(
        top=box.top, bottom=min(box.bottom, height), left=box.left, right=min(box.right, width)
    )


def _enlarged(plane: Plane, size_hw: tuple[int, int], box: Box) -> Floats:
    """That part of the map enlarged bilinearly to `size_hw`."""
    rows, down = _places(plane.size_hw[0], size_hw[0], box.top, box.bottom)
    columns, right = _places(plane.size_hw[1], size_hw[1], box.left, box.right)
    reach = Box(
        top=int(rows.min()),
        bottom=int(rows.max()) + 1,
        left=int(columns.min()),
        right=int(columns.max()) + 1,
    )
    part = plane.read(reach)
    upper, lower = (part.take(index - reach.top, axis=-2) for index in rows)
    part = upper + (lower - upper) * down[:, None]
    first, second = (part.take(index - reach.left, axis=-1) for index in columns)
    enlarged: Floats = first + (second - first) * right
    return enlarged


def _places(size: int, wanted: int, start: int, stop: int) -> tuple[Any, Floats]:
    """The two neighbours of each sample, (2, n), and the weight of the second, (n,)."""
    place = (np.arange(start, stop) + 0.5) * (size / wanted) - 0.5
    place = np.maximum(place, 0)
    first = np.floor(place).astype(np.int64)
    both = np.stack([first, np.minimum(first + 1, size - 1)])
    return both, (place - first).astype(np.float32)
