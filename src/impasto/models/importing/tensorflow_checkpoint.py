"""Variables out of TensorFlow's checkpoints, of both versions, without TensorFlow.

Version 1 is one sorted table, which holds the values too; version 2 is a table, NAME.index, of
where they lie in NAME.data-00000-of-00001. Field numbers are those of TensorFlow's
tensor_bundle.proto, saved_tensor_slice.proto, tensor.proto and tensor_shape.proto.
"""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ModelError
from impasto.files.user_files import open_to_read
from impasto.models.importing.protobuf import fields, numbers, parts
from impasto.models.importing.sorted_table import MAGIC, masked_crc32c, read_table

MAX_BYTES = 512 * 2**20  # a network of this kind with its optimiser's state has some 20 MB
_FLOAT = 1  # DT_FLOAT
_LARGEST_SIDE = 2**31

Shape = tuple[int, ...]
Variables = dict[str, NDArray[np.float32]]
Wanted = Callable[[str, Shape], bool]


def checkpoint_path(path: Path) -> Path | None:
    """The table of the checkpoint that is meant; None if `path` means no TensorFlow checkpoint.

    A folder (as its file "checkpoint" says, or the only one in it), a file of version 1, NAME.index
    of version 2, or its NAME alone. Raises ModelError for a folder without, or with several.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.suffix == ".meta" or re.search(r"\.data-\d+-of-\d+$", path.name):
        path = path.with_name(path.name[: -len(path.suffix)])
    index = path.with_name(path.name + ".index")
    if index.is_file():
        return index
    if path.suffix == ".index" and path.is_file():
        return path  # be it damaged
    try:
        with open_to_read(path) as stream:
            stream.seek(-len(MAGIC), 2)
            return path if stream.read() == MAGIC else None
    except OSError:
        return None


def read_variables(path: Path, wanted: Wanted) -> Variables:
    """The float32 variables of which `wanted` says so by their names and shapes.

    `path`: the table, see `checkpoint_path`. Nothing else is read or kept. Raises ModelError, which
    names the file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than any network of this kind ({MAX_BYTES // 2**20} MiB)")
        table = read_table(memoryview(path.read_bytes()), max_bytes=MAX_BYTES)
        read = _read_bundle if path.suffix == ".index" else _read_slices
        return dict(read(path, table, wanted))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, OverflowError, MemoryError) as error:
        raise ModelError(
            f"{path}: not a sound TensorFlow checkpoint ({error}); download it again, with all of "
            "its files"
        ) from error


def _in_folder(folder: Path) -> Path:
    named = None
    note = folder / "checkpoint"
    if note.is_file():
        found = re.search(
            r'^model_checkpoint_path: "([^"\n]+)"', note.read_text("utf-8", "replace")
        )
        # only its name: the path is that of the machine where it was trained
        named = None if found is None else re.split(r"[\\/]", found[1])[-1]
    candidates = [p for p in sorted(folder.iterdir()) if p.suffix == ".index"]
    candidates += [p for p in sorted(folder.iterdir()) if p.suffix == ".ckpt" and p.is_file()]
    if named:
        candidates = [p for p in candidates if p.name in (named, f"{named}.index")] or candidates
    if len(candidates) != 1:
        raise ModelError(
            f"{folder}: {len(candidates)} TensorFlow checkpoints in this folder; give the file "
            "NAME.ckpt or NAME.index"
        )
    return candidates[0]


Table = Iterator[tuple[bytes, memoryview]]
Read = Iterator[tuple[str, NDArray[np.float32]]]


def _read_bundle(path: Path, table: Table, wanted: Wanted) -> Read:
    """Version 2."""
    shards = 1
    for key, value in table:
        entry = numbers(value)
        if key == b"":
            shards = entry.get(1, 1)
            if entry.get(2, 0) != 0:
                raise ValueError("its bytes are in big-endian order")
            continue
        name, shape = _text(key), _shape(parts(value, 2))
        if entry.get(1) != _FLOAT or not wanted(name, shape):
            continue
        shard, offset, size = (entry.get(field, 0) for field in (3, 4, 5))
        if parts(value, 7) or size != 4 * math.prod(shape):
            raise ValueError(f"{name} is kept in parts, or not of its shape's size")
        data = path.with_name(f"{path.stem}.data-{shard:05d}-of-{shards:05d}")
        if not data.is_file():
            raise ValueError(f"{data.name} is not beside it")
        with data.open("rb") as stream:
            if offset + size > data.stat().st_size:
                raise ValueError(f"{data.name} is cut short")
            stream.seek(offset)
            content = stream.read(size)
        checksum = parts(value, 6)
        if checksum and masked_crc32c(content) != int.from_bytes(checksum[0], "little"):
            raise ValueError(f"the checksum of {name} is wrong")
        yield name, np.frombuffer(content, "<f4").reshape(shape)


def _read_slices(path: Path, table: Table, wanted: Wanted) -> Read:  # noqa: ARG001
    """Version 1."""
    shapes: dict[str, Shape] = {}
    for key, value in table:
        if key == b"":
            for about in (each for meta in parts(value, 1) for each in parts(meta, 1)):
                name, shape = _text(_only(about, 1)), _shape(parts(about, 2))
                if numbers(about).get(3) == _FLOAT and wanted(name, shape):
                    shapes[name] = shape
            continue
        saved = _only(value, 2)
        name = _text(_only(saved, 1))
        if name not in shapes:
            continue
        if any(len(extent) for place in parts(saved, 2) for extent in parts(place, 1)):
            raise ValueError(f"{name} is kept in parts")
        values = _floats(_only(saved, 3))
        if values.size != math.prod(shapes[name]):
            raise ValueError(f"{name} does not have its shape's size")
        yield name, values.reshape(shapes[name])


def _floats(tensor: memoryview) -> NDArray[np.float32]:
    """Of a TensorProto: its content as it is, or its list of floats, packed or one by one."""
    content = b"".join(parts(tensor, 4)) or b"".join(parts(tensor, 5))
    return np.frombuffer(content, "<f4")


def _shape(messages: list[memoryview]) -> Shape:
    sides = tuple(numbers(dim).get(1, 0) for each in messages for dim in parts(each, 2))
    if any(side >= _LARGEST_SIDE for side in sides):  # negative ones are very large here
        raise ValueError("a variable of no known shape")
    return sides


def _only(message: memoryview, number: int) -> memoryview:
    for field, value in fields(message):
        if field == number and not isinstance(value, int):
            return value
    raise ValueError("an entry has not what it must have")


def _text(data: memoryview | bytes) -> str:
    return bytes(data).decode("utf-8", "replace")
