"""Where pictures come from: a file, as its header tells it, or whatever a caller holds."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from impasto.media.decoding import DecodedPicture, decoded_file, decoded_image
from impasto.media.deep_samples import deep_layout
from impasto.media.metadata import orientation
from impasto.media.opening import opened, pillow_warnings_ignored, read_errors_named
from impasto.media.picture import DEFAULT_MAX_PIXELS
from impasto.painting.canvas import ArrayPlane, Canvas, Room
from impasto.painting.options import LARGEST_PIXELS
from impasto.painting.preparing import Tell, unpacked

if TYPE_CHECKING:
    from impasto.media.reading import Photo


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
        plane=ArrayPlane(array=samples[0].transpose(1, 2, 0)),
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


def file_state(path: Path) -> tuple[int, int] | None:
    """What changes whenever the file does; None if it cannot be told."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
