"""A network that lengstrom/fast-style-transfer trained (2017) -> a style of Impasto.

python recipes/import_lengstrom.py CHECKPOINT -o STYLE.safetensors    # --name, --title, --artist

CHECKPOINT: a TensorFlow checkpoint NAME.ckpt of version 1, NAME or NAME.index of version 2 with its
data file beside it, or their folder. It takes seconds, needs no TensorFlow, and executes nothing of
the file. Version 1 is one sorted table (LevelDB's), with the values; version 2 is a table of where
they lie in NAME.data-00000-of-00001. Field numbers are those of TensorFlow's tensor_bundle.proto,
saved_tensor_slice.proto, tensor.proto and tensor_shape.proto.
"""

import argparse
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.errors import ImpastoError, ModelError
from impasto.files.user_files import open_to_read
from impasto.models import StyleModel, save_model
from impasto.models.importing import imported_style
from impasto.networks import StyleNetworkConfig, build_style_network

MAX_BYTES = 512 * 2**20  # a network of this kind with its optimiser's state has some 20 MB
LARGEST_SIDE = 2**31
FLOAT = 1  # DT_FLOAT
VARINT, BYTES, FIXED = 0, 2, {1: 8, 5: 4}  # protocol buffers' wire types
MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")  # the end of a table
FOOTER_BYTES, TRAILER_BYTES, PLAIN, SNAPPY = 48, 5, 0, 1
CRC_TABLE = list(range(256))
for _ in range(8):
    CRC_TABLE = [each >> 1 ^ (0x82F63B78 if each & 1 else 0) for each in CRC_TABLE]
# Variables have no names of their own: they are numbered as the network was built. Each layer made
# its kernel first, then its norm's shift and scale.
VARIABLE = re.compile(r"(?:[^/]+/)?Variable(?:_(\d{1,3}))?")
PARTS = ("conv.weight", "norm.bias", "norm.weight")

Shape = tuple[int, ...]
Wanted = Callable[[str, Shape], bool]
Variables = Iterator[tuple[str, NDArray[np.float32]]]
Table = Iterator[tuple[bytes, memoryview]]


def import_lengstrom(checkpoint: Path, *, name: str = "", **card: str) -> StyleModel:
    """`card`: title, artist, licence. Raises ModelError, which names the file."""
    path = checkpoint_path(checkpoint)
    config = StyleNetworkConfig(architecture="lengstrom", width=1.0)
    with torch.device("meta"):
        expected = {n: tuple(t.shape) for n, t in build_style_network(config).state_dict().items()}
    layers = [each.removesuffix(PARTS[0]) for each in expected if each.endswith(PARTS[0])]
    assert len(layers) == 16
    names = [f"{layer}{part}" for layer in layers for part in PARTS]
    # (height, width, in, out), or (height, width, out, in) where it is transposed
    shapes = [(*s[2:], s[1], s[0]) if len(s) == 4 else s for s in map(expected.__getitem__, names)]

    def wanted(variable: str, shape: Shape) -> bool:
        number = number_of(variable)
        return 0 <= number < len(shapes) and shape == shapes[number]

    found = {number_of(n): values for n, values in read_variables(path, wanted).items()}
    state = {}
    for number, tensor in enumerate(names):
        if number not in found:
            raise ModelError(
                f"{path}: not a network of lengstrom/fast-style-transfer: it has no variable "
                f"number {number} of the shape {shapes[number]}; give a checkpoint of its style.py"
            )
        values = found[number]
        if not np.isfinite(values).all():
            raise ModelError(f"{path}: {tensor} holds NaN or infinity; download it again")
        state[tensor] = torch.tensor(values.transpose(3, 2, 0, 1) if values.ndim == 4 else values)
    return imported_style(path, state, config, name=name, **card)


def number_of(variable: str) -> int:
    """-1 for what has another name; the optimiser's are called Variable_3/Adam."""
    match = VARIABLE.fullmatch(variable)
    return -1 if match is None else int(match[1] or 0)


def checkpoint_path(path: Path) -> Path:
    """The table of the checkpoint that is meant. Raises ModelError, which says what to give."""
    path = in_folder(path) if path.is_dir() else path
    if path.suffix == ".meta" or re.search(r"\.data-\d+-of-\d+$", path.name):
        path = path.with_name(path.name[: -len(path.suffix)])
    for index in (path.with_name(path.name + ".index"), path):
        if index.suffix == ".index" and index.is_file():
            return index  # be it damaged
    try:
        with open_to_read(path) as stream:
            stream.seek(-len(MAGIC), 2)
            if stream.read() == MAGIC:
                return path
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    wanted = "give NAME.ckpt, or NAME.index with its data file"
    raise ModelError(f"{path}: not a TensorFlow checkpoint; {wanted}")


def in_folder(folder: Path) -> Path:
    """As its file "checkpoint" says, or the only one in it."""
    candidates = [p for p in folder.iterdir() if p.suffix in (".index", ".ckpt") and p.is_file()]
    note = folder / "checkpoint"
    if note.is_file():
        content = note.read_text("utf-8", "replace")
        if match := re.search(r'^model_checkpoint_path: "([^"\n]+)"', content):
            # only its name: the path is that of the machine where it was trained
            named = re.split(r"[\\/]", match[1])[-1]
            some = [p for p in candidates if p.name in (named, f"{named}.index")]
            candidates = some or candidates
    if len(candidates) == 1:
        return candidates[0]
    found = f"{folder}: {len(candidates)} TensorFlow checkpoints in this folder"
    raise ModelError(f"{found}; give the file NAME.ckpt or NAME.index")


def read_variables(path: Path, wanted: Wanted) -> dict[str, NDArray[np.float32]]:
    """The float32 variables that are wanted, by names and shapes; no others are read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than any network of this kind ({MAX_BYTES // 2**20} MiB)")
        table = read_table(memoryview(path.read_bytes()), max_bytes=MAX_BYTES)
        read = read_bundle if path.suffix == ".index" else read_slices
        return dict(read(path, table, wanted))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, OverflowError, MemoryError) as error:
        fault = f"{path}: not a sound TensorFlow checkpoint ({error})"
        raise ModelError(f"{fault}; download it again, with all of its files") from error


def read_bundle(path: Path, table: Table, wanted: Wanted) -> Variables:
    """Version 2."""
    shards = 1
    for key, value in table:
        entry, parts = parsed(value)
        if key == b"":
            shards = entry.get(1, 1)
            if entry.get(2, 0) != 0:
                raise ValueError("its bytes are in big-endian order")
            continue
        name, shape = key.decode("utf-8", "replace"), shape_of(parts[2])
        if entry.get(1) != FLOAT or not wanted(name, shape):
            continue
        shard, offset, size = (entry.get(field, 0) for field in (3, 4, 5))
        if parts[7] or size != 4 * math.prod(shape):
            raise ValueError(f"{name} is kept in parts, or not of its shape's size")
        data = path.with_name(f"{path.stem}.data-{shard:05d}-of-{shards:05d}")
        if not data.is_file():
            raise ValueError(f"{data.name} is not beside it")
        if offset + size > data.stat().st_size:
            raise ValueError(f"{data.name} is cut short")
        with data.open("rb") as stream:
            stream.seek(offset)
            content = stream.read(size)
        if parts[6] and masked_crc32c(content) != int.from_bytes(parts[6][0], "little"):
            raise ValueError(f"the checksum of {name} is wrong")
        yield name, np.frombuffer(content, "<f4").reshape(shape)


def read_slices(_: Path, table: Table, wanted: Wanted) -> Variables:
    """Version 1."""
    shapes: dict[str, Shape] = {}
    for key, value in table:
        if key == b"":
            for about in (each for meta in parsed(value)[1][1] for each in parsed(meta)[1][1]):
                plain, parts = parsed(about)
                name, shape = str(bytes(only(about, 1)), "utf-8", "replace"), shape_of(parts[2])
                if plain.get(3) == FLOAT and wanted(name, shape):
                    shapes[name] = shape
            continue
        saved = only(value, 2)
        name = str(bytes(only(saved, 1)), "utf-8", "replace")
        if name not in shapes:
            continue
        if any(map(len, (e for place in parsed(saved)[1][2] for e in parsed(place)[1][1]))):
            raise ValueError(f"{name} is kept in parts")
        _, parts = parsed(only(saved, 3))  # as it is, or floats, packed or one by one
        values = np.frombuffer(b"".join(parts[4]) or b"".join(parts[5]), "<f4")
        if values.size != math.prod(shapes[name]):
            raise ValueError(f"{name} does not have its shape's size")
        yield name, values.reshape(shapes[name])


def shape_of(messages: list[memoryview]) -> Shape:
    sides = tuple(parsed(d)[0].get(1, 0) for each in messages for d in parsed(each)[1][2])
    if any(side >= LARGEST_SIDE for side in sides):  # negative ones are very large here
        raise ValueError("a variable of no known shape")
    return sides


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """The number that begins there, and where it ends. Raises ValueError."""
    number = 0
    for index in range(min(10, len(data) - position)):
        byte = data[position + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("a number does not end")


def parsed(message: memoryview) -> tuple[dict[int, int], dict[int, list[memoryview]]]:
    """The fields that are plain numbers, of a repeated one the last, and contents of others."""
    plain: dict[int, int] = {}
    parts: dict[int, list[memoryview]] = defaultdict(list)
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        field, kind = key >> 3, key & 7
        if kind == VARINT:
            plain[field], position = read_varint(message, position)
            continue
        if kind == BYTES:
            size, position = read_varint(message, position)
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        if size > len(message) - position:
            raise ValueError("a field ends behind its message")
        parts[field].append(message[position : position + size])
        position += size
    return plain, parts


def only(message: memoryview, number: int) -> memoryview:
    for found in parsed(message)[1][number]:
        return found
    raise ValueError("an entry has not what it must have")


def read_table(data: memoryview, *, max_bytes: int) -> Table:
    """Keys and values in order. Raises ValueError for a table that is damaged, or larger.

    A file is blocks and, at its end, the place of the index, a block that has the places of others.
    """
    if len(data) < FOOTER_BYTES or data[-len(MAGIC) :] != MAGIC:
        raise ValueError("it does not end as a sorted table")
    footer, position, total = data[-FOOTER_BYTES:], 0, 0
    for _ in range(2):  # the place of the meta index
        _, position = read_varint(footer, position)
    for _, handle in entries_of(block_at(data, footer[position:], max_bytes)):
        block = block_at(data, handle, max_bytes)
        total += len(block)
        if total > max_bytes:  # many entries of the index may name the same block
            raise ValueError(f"it holds more than {max_bytes} bytes")
        yield from entries_of(block)


def block_at(data: memoryview, handle: memoryview, max_bytes: int) -> memoryview:
    """`handle` begins with its offset and size. Behind it: kind of compression, checksum."""
    start, position = read_varint(handle, 0)
    end = start + read_varint(handle, position)[0]
    if end + TRAILER_BYTES > len(data) - FOOTER_BYTES:
        raise ValueError("a block lies behind the end")
    if masked_crc32c(data[start : end + 1]) != int.from_bytes(data[end + 1 : end + 5], "little"):
        raise ValueError("the checksum of a block is wrong")
    if data[end] == PLAIN:
        return data[start:end]
    if data[end] == SNAPPY:
        return memoryview(unpacked(data[start:end], max_bytes))
    raise ValueError(f"a block is compressed in the unknown way {data[end]}")


def entries_of(block: memoryview) -> Table:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if len(block) < 4 or end < 0:
        raise ValueError("a block is cut short")
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position)
        own, position = read_varint(block, position)
        size, position = read_varint(block, position)
        if shared > len(key) or own + size > end - position:
            raise ValueError("an entry ends behind its block")
        key = key[:shared] + bytes(block[position : position + own])
        position += own
        yield key, block[position : position + size]
        position += size


def unpacked(data: memoryview, max_bytes: int) -> bytes:
    """What Snappy packed: literal bytes, and copies of what came before."""
    size, position = read_varint(data, 0)
    if size > max_bytes:
        raise ValueError(f"a block is larger than {max_bytes} bytes when it is unpacked")
    output = bytearray()
    while position < len(data) and len(output) <= size:
        tag = data[position]
        position += 1
        kind, count = tag & 3, (tag >> 2) + 1
        extra = (max(0, count - 60), 1, 2, 4)[kind]  # bytes that belong to the tag
        more = int.from_bytes(data[position : position + extra], "little")
        position += extra
        if kind == 0:  # a literal
            count = count if extra == 0 else more + 1
            output += data[position : position + count]
            position += count
            continue
        if kind == 1:
            count, more = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | more
        if not 0 < more <= len(output):
            raise ValueError("a packed block refers to what is not there")
        for _ in range(count):  # may repeat what it has just written
            output.append(output[-more])
    if len(output) != size or position > len(data):
        raise ValueError("a packed block does not have the size that it declares")
    return bytes(output)


def masked_crc32c(data: memoryview | bytes) -> int:
    """Castagnoli's checksum as these files keep it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def main(arguments: list[str] | None = None) -> str | None:
    """What `sys.exit` takes: None, or what went wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    for option in ("name", "title", "artist", "licence"):
        parser.add_argument(f"--{option}", default="")
    given = vars(parser.parse_args(arguments))
    checkpoint, output = given.pop("checkpoint"), given.pop("output")
    if output.suffix != ".safetensors" or output.exists():
        return f"{output}: give the name of a new file that ends in .safetensors"
    try:
        model = import_lengstrom(checkpoint, **given)
    except ImpastoError as error:
        return str(error)
    # in full: a picture of theirs is then the same to a thousandth of a level
    save_model(output, model.network, model.config, model.card, dtype=torch.float32)
    print(f"wrote {output}; try `impasto stylize PHOTO --style {output}`")
    return None


if __name__ == "__main__":
    sys.exit(main())
