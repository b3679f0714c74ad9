"""A picture file as its header tells it, and how it can be decoded within some memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from impasto.media.decoding import DecodedPicture, decoded_file
from impasto.media.deep_samples import deep_layout
from impasto.media.metadata import orientation
from impasto.media.opening import opened
from impasto.media.streaming import streamed_file

LARGEST_PIXELS = 2**36  # of any file, where memory is bounded


@dataclass(frozen=True)
class _Header:
    """What a file's header tells: its size once upright, and what decoding it in memory takes.

    bits, gray, has_alpha: roughly what the picture will have, for estimates.
    """

    size_hw: tuple[int, int]
    decoded_bytes: int
    bits: int
    gray: bool
    has_alpha: bool


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A picture file of at most `max_pixels` pixels."""

    path: Path
    max_pixels: int

    @cached_property
    def header(self) -> _Header:
        """Raises ImageError, which names the file."""
        with opened(self.path, self.max_pixels) as image:
            deep = deep_layout(image) is not None or image.mode.startswith("I;16")
            turn, mode = orientation(image), image.mode
            has_alpha = "a" in mode.lower() or "transparency" in image.info
            height, width = image.height, image.width
        copies = 1 + (turn > 1) + (mode not in ("1", "L", "RGB"))
        each = 8 if deep else 1 if mode in ("1", "L") else 4
        return _Header(
            size_hw=(width, height) if turn > 4 else (height, width),
            decoded_bytes=copies * each * height * width,
            bits=16 if deep or mode in ("I", "F") else 8,
            gray=mode[0] in "1LIF" and mode != "LAB",
            has_alpha=has_alpha and mode != "LAB",
        )

    def open(self, free: int) -> Callable[[], AbstractContextManager[DecodedPicture]]:
        """How to decode it within `free` bytes."""
        if self.header.decoded_bytes <= free:
            return lambda: decoded_file(self.path, self.max_pixels)
        return lambda: streamed_file(self.path, self.max_pixels)
