"""Where feature maps are kept: in memory, or in a file of a scratch folder."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.engines.tiles import Box
from impasto.errors import OptionError

_CPU = torch.device("cpu")


class Store(ABC):
    """Room for a (1, C, h, w) map of `dtype`, written and read by parts."""

    def __init__(self, channels: int, size_hw: tuple[int, int], dtype: torch.dtype) -> None:
        self.channels = channels
        self.size_hw = size_hw
        self.dtype = dtype

    shared = False  # what is read is the map itself, not a copy

    @property
    def nbytes(self) -> int:
        return self.channels * self.size_hw[0] * self.size_hw[1] * self.dtype.itemsize

    @abstractmethod
    def read(self, box: Box) -> Tensor:
        """That part, (1, C, h, w), channels last; not to be written into if `shared`."""

    @abstractmethod
    def write(self, box: Box, part: Tensor) -> None:
        """Put (1, C, h, w) there."""

    @abstractmethod
    def free(self) -> None:
        """The map is no longer needed."""


class Memory:
    """Memory of a device, in which a new map takes the place of an old one of its size.

    Fresh memory comes page by page, which can take longer than what is written into it.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._unused: dict[int, list[Tensor]] = {}

    def take(self, count: int) -> Tensor:
        """(count,) bytes."""
        unused = self._unused.get(count)
        if unused:
            return unused.pop()
        self._unused.clear()  # of other sizes, which are not wanted soon
        return torch.empty(count, dtype=torch.uint8, device=self.device)

    def give_back(self, values: Tensor) -> None:
        self._unused.setdefault(values.numel(), []).append(values)


class MemoryStore(Store):
    """In memory."""

    shared = True

    def __init__(
        self, memory: Memory, channels: int, size_hw: tuple[int, int], dtype: torch.dtype
    ) -> None:
        super().__init__(channels, size_hw, dtype)
        self._memory = memory
        self._bytes = memory.take(self.nbytes)
        values = self._bytes.view(dtype).view(1, *size_hw, channels)
        self._values: Tensor | None = values.permute(0, 3, 1, 2)

    def read(self, box: Box) -> Tensor:
        assert self._values is not None
        # without gaps between its rows, a copy if need be: other tensors are slow to work on
        return box.of(self._values).contiguous(memory_format=torch.channels_last)

    def write(self, box: Box, part: Tensor) -> None:
        assert self._values is not None
        box.of(self._values).copy_(part)

    def free(self) -> None:
        if self._values is not None:
            self._memory.give_back(self._bytes)
            self._values = None


class FileStore(Store):
    """In a file, samples of a pixel together, rows from top to bottom.

    Written and read, not mapped: the system keeps in memory what it has room for, and none of it
    counts as this process's. Made empty, or taken over as it is when it is first read.
    """

    def __init__(
        self,
        path: Path,
        channels: int,
        size_hw: tuple[int, int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(channels, size_hw, dtype)
        self.path = path
        self.device = device
        self._stream: FileIO | None = None

    def read(self, box: Box) -> Tensor:
        rows = torch.empty((box.height, box.width, self.channels), dtype=self.dtype)
        stream = self._opened("rb+")
        for place, piece in self._pieces(box, _memory(rows)):
            stream.seek(place)
            while piece:
                count = stream.readinto(piece)
                if not count:
                    raise OptionError(
                        f"{self.path}: has become shorter while it was in use; start again, and "
                        "leave the scratch folder alone"
                    )
                piece = piece[count:]
        # in this order: else it is not taken for channels last, and convolved at half the speed
        return rows[None].permute(0, 3, 1, 2).to(self.device)

    def write(self, box: Box, part: Tensor) -> None:
        """Raises OptionError where the disk is full, or refuses."""
        packed = part[0].permute(1, 2, 0).contiguous().cpu()
        try:
            stream = self._opened("rb+" if self.path.exists() else "wb+")
            for place, piece in self._pieces(box, _memory(packed)):
                stream.seek(place)
                while piece:
                    piece = piece[stream.write(piece) :]
        except OSError as error:  # not to be taken for one of the picture that is being read
            raise storage_error(self.path.parent, error) from error

    def _opened(self, mode: str) -> FileIO:
        if self._stream is None or self._stream.closed:
            self._stream = FileIO(self.path, mode)
        return self._stream

    def _pieces(self, box: Box, memory: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Where in the file the parts of a box's bytes stand: rows, or all of them at once."""
        pixel = self.channels * self.dtype.itemsize
        row = box.width * pixel
        if box.width == self.size_hw[1]:
            row *= box.height
        for index in range(len(memory) // row):
            place = ((box.top + index) * self.size_hw[1] + box.left) * pixel
            yield place, memory[index * row : (index + 1) * row]

    def close(self) -> None:
        """Let go of the file; the next reading opens it again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def free(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


class StoreFolder:
    """A folder of stores, each a file, that are closed together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stores: list[FileStore] = []

    def store(
        self,
        name: str,
        channels: int,
        size_hw: tuple[int, int],
        dtype: torch.dtype,
        device: torch.device = _CPU,
    ) -> FileStore:
        """The store of that name, whose file may be there already."""
        store = FileStore(self.folder / name, channels, size_hw, dtype, device)
        self._stores.append(store)
        return store

    def close(self) -> None:
        """Let go of all files, which stay where they are."""
        for store in self._stores:
            store.close()


def storage_error(folder: Path, error: OSError) -> OptionError:
    """What is to be told where a scratch folder cannot be used."""
    return OptionError(
        f"scratch folder {folder}: {error.strerror or error}; give another one (`scratch`), on a "
        "disk with more room"
    )


def _memory(values: Tensor) -> memoryview:
    """The bytes of a tensor; of itself, for writing too."""
    numbers: Any = values.view(torch.uint8).reshape(-1).numpy()
    return memoryview(numbers)
