"""Sorted tables of keys and values, LevelDB's table format, in which TensorFlow keeps checkpoints.

A file is blocks and, at its end, 48 bytes that tell where the index is; the index is a block that
tells where the others are. A block's keys leave out what they share with the one before; behind
it stand the kind of its compression and a checksum.
"""

from collections.abc import Iterator
from functools import cache

from impasto.models.importing.protobuf import read_varint

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_PLAIN, _SNAPPY = 0, 1
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reversed


def read_table(data: memoryview, *, max_bytes: int) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values in order. Raises ValueError for a table that is damaged, or larger."""
    if len(data) < _FOOTER_BYTES or data[-len(MAGIC) :] != MAGIC:
        raise ValueError("it does not end as a sorted table")
    footer = data[-_FOOTER_BYTES:]
    _, position = _handle(footer, 0)  # that of the meta index
    handle, _ = _handle(footer, position)
    total = 0
    for _, value in _entries(_block(data, handle, max_bytes)):
        block = _block(data, _handle(value, 0)[0], max_bytes)
        total += len(block)
        if total > max_bytes:  # many entries of the index may name the same block
            raise ValueError(f"it holds more than {max_bytes} bytes")
        yield from _entries(block)


def masked_crc32c(data: memoryview | bytes) -> int:
    """The checksum as these files keep it."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _handle(data: memoryview, position: int) -> tuple[tuple[int, int], int]:
    """(offset, size) of a block, and where that ends."""
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _block(data: memoryview, handle: tuple[int, int], max_bytes: int) -> memoryview:
    offset, size = handle
    end = offset + size
    if end + _TRAILER_BYTES > len(data) - _FOOTER_BYTES:
        raise ValueError("a block lies behind the end")
    if masked_crc32c(data[offset : end + 1]) != int.from_bytes(data[end + 1 : end + 5], "little"):
        raise ValueError("the checksum of a block is wrong")
    if data[end] == _PLAIN:
        return data[offset:end]
    if data[end] == _SNAPPY:
        return memoryview(_unpacked(data[offset:end], max_bytes))
    raise ValueError(f"a block is compressed in the unknown way {data[end]}")


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
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


def _unpacked(data: memoryview, max_bytes: int) -> bytes:
    """What Snappy packed: literal bytes, and copies of what came before."""
    size, position = read_varint(data, 0)
    if size > max_bytes:
        raise ValueError(f"a block is larger than {max_bytes} bytes when it is unpacked")
    output = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        kind, count = tag & 3, (tag >> 2) + 1
        extra = (max(0, count - 60), 1, 2, 4)[kind]  # bytes that belong to the tag
        more = int.from_bytes(data[position : position + extra], "little")
        position += extra
        if kind == 0:
            count = count if extra == 0 else more + 1
            output += data[position : position + count]
            position += count
        else:
            if kind == 1:
                count, more = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | more
            if not 0 < more <= len(output):
                raise ValueError("a packed block refers to what is not there")
            for _ in range(count):  # may repeat what it has just written
                output.append(output[-more])
        if len(output) > size or position > len(data):
            break
    if len(output) != size:
        raise ValueError("a packed block does not have the size that it declares")
    return bytes(output)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (_POLYNOMIAL if remainder & 1 else 0)
        table.append(remainder)
    return tuple(table)
