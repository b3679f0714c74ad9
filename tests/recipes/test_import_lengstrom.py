"""Checkpoints of lengstrom/fast-style-transfer: the same pictures; what is damaged is refused."""

import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ModelError
from impasto.models import StyleModel, load_style_model

SCRIPT = Path(__file__).parents[2] / "recipes" / "import_lengstrom.py"
TOLERANCE = 1e-4
LIMIT = 2**20

Arrays = dict[str, NDArray[np.float32]]


def script() -> Any:
    """The script as a module; it is not installed."""
    spec = util.spec_from_file_location("import_lengstrom", SCRIPT)
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recipe = script()
import_lengstrom, read_table, masked_crc32c = (
    recipe.import_lengstrom,
    recipe.read_table,
    recipe.masked_crc32c,
)


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
def lengstrom(bundle: Path) -> StyleModel:
    model: StyleModel = import_lengstrom(bundle)
    return model


def image_of(height: int, width: int) -> Tensor:
    """Soft colours with some noise: a picture more than it is noise."""
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 4, 4)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (smooth + 0.05 * torch.randn(1, 3, height, width)).clamp(0, 1)


@pytest.mark.parametrize("size_hw", [(64, 80), (8, 8), (12, 60)])
def test_a_network_of_lengstrom_paints_its_pictures(
    variables: Arrays, lengstrom: StyleModel, size_hw: tuple[int, int]
) -> None:
    image = image_of(*size_hw)
    picture = lengstrom_picture(variables, image[0].permute(1, 2, 0).numpy())
    wanted = torch.from_numpy(picture).permute(2, 0, 1)[None]
    assert wanted.std() > 0.1
    torch.testing.assert_close(lengstrom(image).double(), wanted, rtol=0, atol=TOLERANCE)


def test_both_versions_of_tensorflow_checkpoints_are_read(
    tmp_path: Path, variables: Arrays, lengstrom: StyleModel
) -> None:
    path = write_slices(tmp_path / "wave.ckpt", variables)
    model = import_lengstrom(path)
    assert model.name == "wave"
    image = image_of(16, 20)
    assert torch.equal(model(image), lengstrom(image))


@pytest.mark.parametrize("given", ["folder", "prefix", "data", "meta", "note"])
def test_a_checkpoint_is_found_by_any_of_its_files(
    tmp_path: Path, bundle: Path, given: str
) -> None:
    for path in bundle.parent.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "fns.ckpt.meta").write_bytes(b"a graph, which is not read")
    if given == "note":
        (tmp_path / "older.ckpt.index").write_bytes(b"another one")
        note = 'model_checkpoint_path: "C:\\\\trained\\\\fns.ckpt"\n'
        (tmp_path / "checkpoint").write_text(note)
    paths = {
        "prefix": tmp_path / "fns.ckpt",
        "data": tmp_path / "fns.ckpt.data-00000-of-00001",
        "meta": tmp_path / "fns.ckpt.meta",
    }
    assert recipe.checkpoint_path(paths.get(given, tmp_path)) == tmp_path / "fns.ckpt.index"


def test_the_checksum_is_castagnolis() -> None:
    # RFC 3720, B.4, gives that of 32 zeros; the mask is TensorFlow's
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc32c(b"a table") == masked_crc(b"a table")


def test_a_table_comes_back() -> None:
    entries = [(f"key{number:03}".encode(), bytes([number])) for number in range(100)]
    read = list(read_table(memoryview(table_of(entries)), max_bytes=LIMIT))
    assert [(key, bytes(value)) for key, value in read] == entries


def test_blocks_that_snappy_packed_are_unpacked() -> None:
    """As TensorFlow before 2016 did: literals, and copies that may overlap what they write."""

    def pack(block: bytes) -> bytes:
        run = block.index(b"\0" * 40)
        out = varint(len(block))
        head = block[: run + 1]
        out += bytes([61 << 2]) + (len(head) - 1).to_bytes(2, "little") + head
        out += bytes([(39 - 1) << 2 | 2]) + (1).to_bytes(2, "little")  # 39 more of the last byte
        tail = block[run + 40 :]
        return out + bytes([61 << 2]) + (len(tail) - 1).to_bytes(2, "little") + tail

    entries = [(b"zeros", bytes(40)), (b"zz", b"tail")]
    table = table_of(entries, pack=pack)
    read = list(read_table(memoryview(table), max_bytes=LIMIT))
    assert [(key, bytes(value)) for key, value in read] == entries


@pytest.mark.parametrize(
    "packed",
    [
        b"\xff\xff\xff\xff\x0f",  # declares 4 GiB
        b"\x08\x0d\x01",  # a copy of what is not there
        b"\x08\x00a",  # less than it declares
        b"\x02\xf0\xffaaaa",  # a literal longer than the data
    ],
)
def test_blocks_that_snappy_did_not_pack_are_refused(packed: bytes) -> None:
    table = table_of([(b"a", b"b")], pack=lambda block: packed)  # noqa: ARG005
    with pytest.raises(ValueError, match=r"packed|larger"):
        list(read_table(memoryview(table), max_bytes=LIMIT))


def test_an_index_that_names_one_block_many_times_ends() -> None:
    block = block_of([(b"a", bytes(60_000))])
    data = block + b"\0" + masked_crc32c(block + b"\0").to_bytes(4, "little")
    handle = varint(0) + varint(len(block))
    index = block_of([(f"{n:06}".encode(), handle) for n in range(5000)], 1)
    start = len(data)
    data += index + b"\0" + masked_crc32c(index + b"\0").to_bytes(4, "little")
    footer = handle + varint(start) + varint(len(index))
    table = data + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        list(read_table(memoryview(table), max_bytes=LIMIT))


def test_every_flipped_byte_of_a_table_is_noticed_or_harmless() -> None:
    entries = [(f"key{number}".encode(), bytes(range(number))) for number in range(9)]
    table = table_of(entries, block_entries=3)
    for position in range(len(table)):
        broken = bytearray(table)
        broken[position] ^= 0x41
        try:
            read = [(k, bytes(v)) for k, v in read_table(memoryview(broken), max_bytes=LIMIT)]
        except ValueError:
            continue
        assert read == sorted(entries)  # the handle of the meta index, and the filling behind it


def small(tmp_path: Path, change: Any = None, **extra: Any) -> Path:
    variables = {"Variable": np.zeros((9, 9, 3, 32), np.float32), **extra}
    index: Path = write_bundle(tmp_path / "fns.ckpt", variables)
    if change is not None:
        change(index)
    return index


def test_a_checkpoint_of_another_network_is_told(tmp_path: Path) -> None:
    index = small(tmp_path)
    with pytest.raises(ModelError, match=r"fns\.ckpt\.index: not a network of lengstrom.*number 1"):
        import_lengstrom(index)


def test_missing_and_truncated_data_are_told(tmp_path: Path) -> None:
    index = small(tmp_path)
    data = tmp_path / "fns.ckpt.data-00000-of-00001"
    content = data.read_bytes()
    data.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="data-00000-of-00001 is cut short"):
        import_lengstrom(index)
    data.write_bytes(b"\1" + content[1:])
    with pytest.raises(ModelError, match="the checksum of Variable is wrong"):
        import_lengstrom(index)
    data.unlink()
    with pytest.raises(ModelError, match="is not beside it"):
        import_lengstrom(index)


@pytest.mark.parametrize("keep", [48, 60, 200, -1])
def test_truncated_tables_are_told(tmp_path: Path, keep: int) -> None:
    index = small(tmp_path)
    index.write_bytes(index.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"fns\.ckpt\.index: "):
        import_lengstrom(index)


def test_variables_of_huge_shapes_are_never_read(tmp_path: Path) -> None:
    entry = field(1, 1) + field(2, shape_proto((2**20, 2**20)))
    entry += field(4, 0) + field(5, 4 * 2**40)
    index = tmp_path / "fns.ckpt.index"
    index.write_bytes(table_of([(b"Variable", entry)]))
    with pytest.raises(ModelError, match="not a network of lengstrom"):
        import_lengstrom(index)


def test_a_shard_elsewhere_is_not_looked_for(tmp_path: Path) -> None:
    """The name of the data file is made of numbers: no path can be in it."""
    shape = shape_proto((9, 9, 3, 32))
    entry = field(1, 1) + field(2, shape) + field(3, 2**63)
    entry += field(5, 4 * 9 * 9 * 3 * 32)
    index = tmp_path / "fns.ckpt.index"
    index.write_bytes(table_of([(b"Variable", entry)]))
    with pytest.raises(ModelError, match="is not beside it"):
        import_lengstrom(index)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    variables = dict(lengstrom_variables())
    variables["Variable_7"] = variables["Variable_7"] * np.float32("nan")
    with pytest.raises(ModelError, match="NaN or infinity"):
        import_lengstrom(write_bundle(tmp_path / "fns.ckpt", variables))


def test_a_huge_file_is_not_read_into_memory(tmp_path: Path) -> None:
    table = tmp_path / "huge.ckpt"
    with table.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: a tebibyte
        stream.seek(0, 2)
        stream.write((0xDB4775248B80FB57).to_bytes(8, "little"))
    with pytest.raises(ModelError, match=r"huge\.ckpt: .*larger than any network"):
        import_lengstrom(table)


def test_the_script_writes_a_style_or_says_what_is_wrong_in_one_line(
    tmp_path: Path, bundle: Path, lengstrom: StyleModel, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "wave.safetensors"
    arguments = [str(bundle), "-o", str(target), "--artist", "Hokusai"]
    assert recipe.main(arguments) is None
    assert f"wrote {target}" in capsys.readouterr().out
    model = load_style_model(target)
    image = image_of(12, 16)
    assert torch.equal(model(image), lengstrom(image))
    assert (model.name, model.card["artist"]) == ("fns", "Hokusai")
    assert model.card["imported"]["format"] == "lengstrom"
    assert "new file" in recipe.main(arguments)  # it is there now
    assert "new file" in recipe.main([str(bundle), "-o", "a.onnx"])
    complaints = {
        "none.ckpt": "No such file",
        ".": "0 TensorFlow checkpoints in this folder",
        "mosaic.pth": "not a TensorFlow checkpoint; give NAME.ckpt",
        "damaged.index": "not a sound TensorFlow checkpoint",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "mosaic.pth").write_bytes(bytes(99))
    (tmp_path / "damaged.index").write_bytes(b"no table")
    for name, complaint in complaints.items():
        given = folder if name == "." else tmp_path / name
        told = recipe.main([str(given), "-o", str(tmp_path / "other.safetensors")])
        assert complaint in told
        assert "\n" not in told
    assert not (tmp_path / "other.safetensors").exists()


def test_it_runs_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, check=True
    )
    assert "checkpoint" in done.stdout
