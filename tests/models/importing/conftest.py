"""Networks of other projects, written here from their published description, and their files."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from impasto.models.importing.sorted_table import masked_crc32c

Arrays = dict[str, NDArray[np.float32]]


# ------------------------------------------------------------------------ pytorch/examples
def examples_state(blocks: int = 5, width: int = 32, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of pytorch/examples' TransformerNet."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def convolution(name: str, inputs: int, outputs: int, size: int) -> None:
        std = 1 / (inputs * size * size) ** 0.5
        shape = (outputs, inputs, size, size)
        state[f"{name}.conv2d.weight"] = torch.randn(shape, generator=generator) * std
        state[f"{name}.conv2d.bias"] = torch.randn(outputs, generator=generator)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 1 + 0.3 * torch.randn(channels, generator=generator)
        state[f"{name}.bias"] = 0.5 * torch.randn(channels, generator=generator)

    for index, (inputs, outputs, size) in enumerate(
        [(3, width, 9), (width, 2 * width, 3), (2 * width, 4 * width, 3)], 1
    ):
        convolution(f"conv{index}", inputs, outputs, size)
        norm(f"in{index}", outputs)
    for block in range(1, blocks + 1):
        for part in (1, 2):
            convolution(f"res{block}.conv{part}", 4 * width, 4 * width, 3)
            norm(f"res{block}.in{part}", 4 * width)
    for index, (inputs, outputs) in enumerate([(4 * width, 2 * width), (2 * width, width)], 1):
        convolution(f"deconv{index}", inputs, outputs, 3)
        norm(f"in{index + 3}", outputs)
    convolution("deconv3", width, 3, 9)
    state["deconv3.conv2d.weight"] *= 60  # levels: dark and light
    state["deconv3.conv2d.bias"] = state["deconv3.conv2d.bias"] * 20 + 127
    return state


def examples_picture(state: dict[str, Tensor], image: Tensor, blocks: int = 5) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> what their network paints, in [0, 1], in float64.

    Reflection padding, convolution with bias, affine instance norm (eps 1e-5); nearest-neighbour
    up-sampling; levels from 0 to 255 in and out, clamped by whoever writes the file.
    """
    weights = {name: value.double() for name, value in state.items()}

    def convolve(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.conv2d.weight"]
        x = F.pad(x, (weight.shape[-1] // 2,) * 4, mode="reflect")
        return F.conv2d(x, weight, weights[f"{name}.conv2d.bias"], stride)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt()
        weight, bias = (weights[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("weight", "bias"))
        return x * weight + bias

    x = image.double() * 255
    for index, stride in ((1, 1), (2, 2), (3, 2)):
        x = F.relu(norm(convolve(x, f"conv{index}", stride), f"in{index}"))
    for block in range(1, blocks + 1):
        y = F.relu(norm(convolve(x, f"res{block}.conv1"), f"res{block}.in1"))
        x = x + norm(convolve(y, f"res{block}.conv2"), f"res{block}.in2")
    for index in (1, 2):
        x = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
        x = F.relu(norm(convolve(x, f"deconv{index}"), f"in{index + 3}"))
    return convolve(x, "deconv3").clamp(0, 255) / 255


# ----------------------------------------------------------------- lengstrom/fast-style-transfer
def lengstrom_variables(seed: int = 0) -> Arrays:
    """Random weights under the names that TensorFlow gives them: kernel, shift, scale; 16 times."""
    rng = np.random.default_rng(seed)
    kernels = [(9, 9, 3, 32), (3, 3, 32, 64), (3, 3, 64, 128), *[(3, 3, 128, 128)] * 10]
    # of transposed convolutions the outputs come first
    kernels += [(3, 3, 64, 128), (3, 3, 32, 64), (9, 9, 32, 3)]
    arrays: list[NDArray[Any]] = []
    for index, shape in enumerate(kernels):
        outputs = shape[2] if index in (13, 14) else shape[3]
        arrays += [
            rng.normal(0, 0.1, shape),
            rng.normal(0, 0.4, outputs),
            rng.normal(1, 0.3, outputs),
        ]
    arrays[-1] = arrays[-1] * 0.5  # less black and white than tanh has for noise
    names = ["Variable", *(f"Variable_{number}" for number in range(1, len(arrays)))]
    return {name: a.astype(np.float32) for name, a in zip(names, arrays, strict=True)}


def lengstrom_picture(variables: Arrays, image: NDArray[Any]) -> NDArray[np.float64]:
    """(H, W, 3) in [0, 1], sides multiples of 4 -> what their network paints, in [0, 1].

    "SAME" borders of zeros, so many that ceil(side / stride) samples come out, the odd one at the
    end; transposed convolution as the gradient of such a one; moments over the picture, eps 1e-3;
    tanh * 150 + 127.5.
    """
    values = iter(variables.values())

    def norm(x: NDArray[Any], shift: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
        mean, variance = x.mean((0, 1)), x.var((0, 1))
        return scale.astype(float) * (x - mean) / (variance + 1e-3) ** 0.5 + shift

    def convolve(x: NDArray[Any], stride: int = 1) -> NDArray[Any]:
        kernel = next(values).astype(float)
        size = kernel.shape[0]
        for axis in (0, 1):
            side = x.shape[axis]
            short = max((-(-side // stride) - 1) * stride + size - side, 0)
            border = [(0, 0)] * 3
            border[axis] = (short // 2, short - short // 2)
            x = np.pad(x, border)
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))
        x = np.einsum("hwcij,ijco->hwo", windows[::stride, ::stride], kernel, optimize=True)
        return norm(x, next(values), next(values))

    def enlarge(x: NDArray[Any]) -> NDArray[Any]:
        kernel = next(values).astype(float)
        height, width = x.shape[:2]
        output = np.zeros((2 * height + 1, 2 * width + 1, kernel.shape[2]))
        for row in range(3):
            for column in range(3):
                part = x @ kernel[row, column].T
                output[row : row + 2 * height : 2, column : column + 2 * width : 2] += part
        return norm(output[: 2 * height, : 2 * width], next(values), next(values))

    x = image.astype(float) * 255
    for stride in (1, 2, 2):
        x = np.maximum(convolve(x, stride), 0)
    for _ in range(5):
        y = np.maximum(convolve(x), 0)
        x = x + convolve(y)
    for _ in range(2):
        x = np.maximum(enlarge(x), 0)
    output: NDArray[np.float64] = np.clip(np.tanh(convolve(x)) * 150 + 127.5, 0, 255) / 255
    return output


# ---------------------------------------------------------------- TensorFlow's checkpoint files
def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def masked_crc(data: bytes) -> int:
    """Bit by bit, as the polynomial has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block_of(entries: list[tuple[bytes, bytes]], restart: int = 16) -> bytes:
    out, restarts, previous = b"", [], b""
    for index, (key, value) in enumerate(entries):
        shared = 0
        if index % restart == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        previous = key
    for start in restarts or [0]:
        out += start.to_bytes(4, "little")
    return out + len(restarts or [0]).to_bytes(4, "little")


def table_of(
    entries: list[tuple[bytes, bytes]],
    *,
    crc: Callable[[bytes], int] = masked_crc,
    pack: Callable[[bytes], bytes] | None = None,
    block_entries: int = 7,
) -> bytes:
    """A LevelDB table. `pack`: compress the blocks of entries, as Snappy does."""
    data = b""

    def put(block: bytes, kind: int = 0) -> bytes:
        nonlocal data
        handle = varint(len(data)) + varint(len(block))
        typed = block + bytes([kind])
        data += typed + crc(typed).to_bytes(4, "little")
        return handle

    entries = sorted(entries)
    index = []
    for start in range(0, len(entries), block_entries):
        some = entries[start : start + block_entries]
        block = block_of(some)
        index.append((some[-1][0], put(block) if pack is None else put(pack(block), 1)))
    footer = put(block_of([])) + put(block_of(index, 1))
    return data + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")


def fast_crc(data: bytes) -> int:
    """The reader's own, for files of megabytes; `masked_crc` is what it is compared with."""
    return masked_crc32c(data)


def shape_proto(shape: tuple[int, ...]) -> bytes:
    return b"".join(field(2, field(1, side)) for side in shape)


def write_bundle(prefix: Path, variables: Arrays, **table: Any) -> Path:
    """Version 2: prefix.index and prefix.data-00000-of-00001."""
    data, entries = b"", [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name, values in variables.items():
        content = values.astype("<f4").tobytes()
        entry = field(1, 1) + field(2, shape_proto(values.shape)) + field(4, len(data))
        entry += field(5, len(content)) + varint(6 << 3 | 5)
        entries.append((name.encode(), entry + fast_crc(content).to_bytes(4, "little")))
        data += content
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(table_of(entries, crc=fast_crc, **table))
    return index


def write_slices(path: Path, variables: Arrays, **table: Any) -> Path:
    """Version 1: one file."""
    meta = b""
    entries = []
    for name, values in variables.items():
        whole = b"".join(field(1, b"") for _ in values.shape)
        about = field(1, name.encode()) + field(2, shape_proto(values.shape)) + field(3, 1)
        meta += field(1, about + field(4, whole))
        floats = field(1, 1) + field(5, values.astype("<f4").tobytes())
        saved = field(1, name.encode()) + field(2, whole) + field(3, floats)
        entries.append((b"\0" + name.encode(), field(2, saved)))
    entries.append((b"", field(1, meta)))
    path.write_bytes(table_of(entries, crc=fast_crc, **table))
    return path


@pytest.fixture(scope="session")
def variables() -> Arrays:
    return lengstrom_variables()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, variables: Arrays) -> Path:
    """A checkpoint of version 2, with the optimiser's variables in it."""
    slots = {f"{name}/Adam": np.zeros_like(values) for name, values in variables.items()}
    power = {"beta1_power": np.float32(0.9).reshape(())}
    folder = tmp_path_factory.mktemp("bundle")
    return write_bundle(folder / "fns.ckpt", variables | slots | power)


@pytest.fixture(scope="session")
def reference() -> Any:
    """The functions of this file, for the tests beside it."""
    return SimpleNamespace(**globals())
