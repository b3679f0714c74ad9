"""A picture as plain samples, in memory or in a file: any part of it at hand, as NumPy arrays.

So one way of working serves pictures of every size. Imports torch for files only.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto.engines.tiles import Box
from impasto.media.picture import Metadata

if TYPE_CHECKING:
    from impasto.engines.scratch import Scratch
    from impasto.engines.stores import FileStore

Samples = NDArray[Any]
Floats = NDArray[np.float32]


class Plane(ABC):
    """Room for (1, channels, *size_hw) samples of `dtype`, read and written by parts."""

    channels: int
    size_hw: tuple[int, int]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, box: Box) -> Samples:
        """That part, (1, C, h, w); not to be written into."""

    @abstractmethod
    def write(self, box: Box, part: Samples) -> None:
        """Put (1, C, h, w) there."""

    @abstractmethod
    def free(self) -> None:
        """The samples are no longer needed."""


class ArrayPlane(Plane):
    """In memory, as (H, W, C)."""

    def __init__(self, array: Samples) -> None:
        self.array, self.dtype = array, array.dtype
        height, width, self.channels = array.shape
        self.size_hw = height, width

    def read(self, box: Box) -> Samples:
        part = self.array[box.top : box.bottom, box.left : box.right]
        return part.transpose(2, 0, 1)[None]

    def free(self) -> None:
        """Nothing to do: memory goes with the last who holds it."""

    def put(self, box: Box, part: Floats, first: int) -> None:
        """Round floats in [0, 1] into the channels from `first` on."""
        channels = slice(first, first + part.shape[1])
        samples = to_samples(part, self.dtype)[0].transpose(1, 2, 0)
        self.array[box.top : box.bottom, box.left : box.right, channels] = samples

    def write(self, box: Box, part: Samples) -> None:
        self.array[box.top : box.bottom, box.left : box.right] = part[0].transpose(1, 2, 0)


class FilePlane(Plane):
    """In a file of a scratch folder."""

    def __init__(self, store: "FileStore", dtype: np.dtype[Any]) -> None:
        self.store, self.dtype = store, dtype
        self.channels, self.size_hw = store.channels, store.size_hw

    def read(self, box: Box) -> Samples:
        part: Samples = self.store.read(box).numpy()
        return part

    def write(self, box: Box, part: Samples) -> None:
        import torch

        self.store.write(box, torch.from_numpy(part))

    def free(self) -> None:
        self.store.free()


class Room:
    """Where planes are, and what is noted of the work that is finished: memory, and nothing."""

    in_memory = True
    free_bytes: int | None = None  # beside what the process has taken, for bands and tiles
    token = ""  # names what is written beside the result
    resumed = 0  # steps that were finished before

    def plane(
        self, channels: int, size_hw: tuple[int, int], dtype: np.typing.DTypeLike, name: str = ""
    ) -> Plane:
        """An empty plane; without a name the one of what the next step makes.

        Raises MemoryError where there is no room for it.
        """
        del name
        return ArrayPlane(np.empty((*size_hw, channels), dtype))

    def recall(self) -> list[float] | None:
        """What the next step noted, if it was finished before: then it is passed over."""
        return None

    def note(self, *values: float) -> None:
        """The next step is finished."""


class ScratchRoom(Room):
    """In files of a scratch folder, whose notes outlive an interruption."""

    in_memory = False

    def __init__(self, scratch: "Scratch", free_bytes: int) -> None:
        self.scratch = scratch
        self.free_bytes = free_bytes
        self.token = scratch.token
        self.resumed = scratch.resumed
        self.index = 0  # of the next step

    @property
    def facts(self) -> Path:
        """A text file for what is to be known of the next step's picture."""
        return self.scratch.path(f"picture-{self.index}.json")

    def plane(
        self, channels: int, size_hw: tuple[int, int], dtype: np.typing.DTypeLike, name: str = ""
    ) -> Plane:
        import torch

        name, kind = name or f"map-{self.index}", np.dtype(dtype)
        store = self.scratch.files.store(name, channels, size_hw, getattr(torch, kind.name))
        return FilePlane(store, kind)

    def recall(self) -> list[float] | None:
        found = self.scratch.find(self.index)
        if found is None:
            return None
        self.index += 1
        values: list[float] = found[0].tolist()
        return values

    def note(self, *values: float) -> None:
        import torch

        self.scratch.note(self.index, torch.tensor(values), torch.empty(0))
        self.index += 1


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A picture, upright and in sRGB: RGB or RGBA, or grey with or without alpha.

    Its plane has uint8 or uint16 samples, or float32 in [0, 1]. bits: 8 or 16, what its file held
    per sample, and the result is to be written with. gray: it had one colour channel.
    """

    plane: Plane
    bits: int = 8
    gray: bool = False
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.plane.size_hw

    @property
    def colors(self) -> int:
        """How many channels are colours: 1 or 3; the one after them is alpha."""
        return 1 if self.plane.channels < 3 else 3

    @property
    def has_alpha(self) -> bool:
        return self.plane.channels in (2, 4)

    def see(self, box: Box) -> Floats:
        """That part of its colours, (1, C, h, w) float32 in [0, 1]."""
        return to_floats(self.plane.read(box)[:, : self.colors])

    def see_alpha(self, box: Box) -> Floats:
        """That part of its alpha, (1, 1, h, w) float32 in [0, 1]."""
        return to_floats(self.plane.read(box)[:, self.colors :])

    def samples(self, box: Box) -> Floats:
        """Colours and alpha, (1, C, h, w) float32 in [0, 1]."""
        return to_floats(self.plane.read(box))

    def put(self, box: Box, samples: Floats) -> None:
        """Write (1, C, h, w) in [0, 1], rounded."""
        self.plane.write(box, to_samples(np.clip(samples, 0, 1), self.plane.dtype))

    def rows(self, top: int, bottom: int) -> Box:
        """The box of these rows."""
        return Box(top=top, bottom=bottom, left=0, right=self.size_hw[1])


def largest(dtype: np.dtype[Any]) -> np.float32:
    """The sample that stands for 1."""
    return np.float32(1 if dtype.kind == "f" else np.iinfo(dtype).max)


def to_floats(part: Samples) -> Floats:
    """Samples of any type -> float32 in [0, 1], new memory."""
    floats: Floats = np.divide(part, largest(part.dtype), dtype=np.float32, order="C")
    return floats


def to_samples(part: Floats, dtype: np.dtype[Any]) -> Samples:
    """Float32 in [0, 1] -> samples of that type, rounded."""
    if dtype.kind == "f":
        return part
    samples: Samples = np.rint(part * largest(dtype)).astype(dtype)
    return samples
