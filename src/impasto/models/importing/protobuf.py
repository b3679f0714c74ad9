"""The wire format of protocol buffers, as much of it as TensorFlow's checkpoints use."""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10

Value = int | memoryview


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """The number that begins there, and where it ends. Raises ValueError."""
    number = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(data):
            break
        byte = data[position + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("a number does not end")


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in order; fixed-size values are bytes. Raises ValueError."""
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = read_varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = read_varint(message, position)
        elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
            size = 4 if kind == _FOUR_BYTES else 8
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        if size > len(message) - position:
            raise ValueError("a field ends behind its message")
        yield number, message[position : position + size]
        position += size


def numbers(message: memoryview) -> dict[int, int]:
    """The fields that are plain numbers; of a repeated one the last."""
    return {number: value for number, value in fields(message) if isinstance(value, int)}


def parts(message: memoryview, wanted: int) -> list[memoryview]:
    """The contents of every field with that number that is no plain number."""
    return [v for number, v in fields(message) if number == wanted and not isinstance(v, int)]
