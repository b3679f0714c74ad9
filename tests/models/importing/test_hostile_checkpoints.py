"""Checkpoints that are damaged or made to harm: refused by name, in bounded memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.errors import ModelError
from impasto.models.importing.checkpoint import import_checkpoint
from impasto.models.importing.sorted_table import masked_crc32c, read_table

LIMIT = 2**20


def test_the_checksum_is_castagnolis(reference: Any) -> None:
    # RFC 3720, B.4, gives that of 32 zeros; the mask is TensorFlow's
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc32c(b"a table") == reference.masked_crc(b"a table")


def test_a_table_comes_back(reference: Any) -> None:
    entries = [(f"key{number:03}".encode(), bytes([number])) for number in range(100)]
    read = list(read_table(memoryview(reference.table_of(entries)), max_bytes=LIMIT))
    assert [(key, bytes(value)) for key, value in read] == entries


def test_blocks_that_snappy_packed_are_unpacked(reference: Any) -> None:
    """As TensorFlow before 2016 did: literals, and copies that may overlap what they write."""

    def pack(block: bytes) -> bytes:
        run = block.index(b"\0" * 40)
        out = reference.varint(len(block))
        head = block[: run + 1]
        out += bytes([61 << 2]) + (len(head) - 1).to_bytes(2, "little") + head
        out += bytes([(39 - 1) << 2 | 2]) + (1).to_bytes(2, "little")  # 39 more of the last byte
        tail = block[run + 40 :]
        return out + bytes([61 << 2]) + (len(tail) - 1).to_bytes(2, "little") + tail

    entries = [(b"zeros", bytes(40)), (b"zz", b"tail")]
    table = reference.table_of(entries, pack=pack)
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
def test_blocks_that_snappy_did_not_pack_are_refused(reference: Any, packed: bytes) -> None:
    table = reference.table_of([(b"a", b"b")], pack=lambda block: packed)  # noqa: ARG005
    with pytest.raises(ValueError, match=r"packed|larger"):
        list(read_table(memoryview(table), max_bytes=LIMIT))


def test_an_index_that_names_one_block_many_times_ends(reference: Any) -> None:
    block = reference.block_of([(b"a", bytes(60_000))])
    data = block + b"\0" + masked_crc32c(block + b"\0").to_bytes(4, "little")
    handle = reference.varint(0) + reference.varint(len(block))
    index = reference.block_of([(f"{n:06}".encode(), handle) for n in range(5000)], 1)
    start = len(data)
    data += index + b"\0" + masked_crc32c(index + b"\0").to_bytes(4, "little")
    footer = handle + reference.varint(start) + reference.varint(len(index))
    table = data + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        list(read_table(memoryview(table), max_bytes=LIMIT))


def test_every_flipped_byte_of_a_table_is_noticed_or_harmless(reference: Any) -> None:
    entries = [(f"key{number}".encode(), bytes(range(number))) for number in range(9)]
    table = reference.table_of(entries, block_entries=3)
    for position in range(len(table)):
        broken = bytearray(table)
        broken[position] ^= 0x41
        try:
            read = [(k, bytes(v)) for k, v in read_table(memoryview(broken), max_bytes=LIMIT)]
        except ValueError:
            continue
        assert read == sorted(entries)  # the handle of the meta index, and the filling behind it


def small(reference: Any, tmp_path: Path, change: Any = None, **extra: Any) -> Path:
    variables = {"Variable": np.zeros((9, 9, 3, 32), np.float32), **extra}
    index: Path = reference.write_bundle(tmp_path / "fns.ckpt", variables)
    if change is not None:
        change(index)
    return index


def test_a_checkpoint_of_another_network_is_told(reference: Any, tmp_path: Path) -> None:
    index = small(reference, tmp_path)
    with pytest.raises(ModelError, match=r"fns\.ckpt\.index: not a network of lengstrom.*number 1"):
        import_checkpoint(index)


def test_missing_and_truncated_data_are_told(reference: Any, tmp_path: Path) -> None:
    index = small(reference, tmp_path)
    data = tmp_path / "fns.ckpt.data-00000-of-00001"
    content = data.read_bytes()
    data.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="data-00000-of-00001 is cut short"):
        import_checkpoint(index)
    data.write_bytes(b"\1" + content[1:])
    with pytest.raises(ModelError, match="the checksum of Variable is wrong"):
        import_checkpoint(index)
    data.unlink()
    with pytest.raises(ModelError, match="is not beside it"):
        import_checkpoint(index)


@pytest.mark.parametrize("keep", [48, 60, 200, -1])
def test_truncated_tables_are_told(reference: Any, tmp_path: Path, keep: int) -> None:
    index = small(reference, tmp_path)
    index.write_bytes(index.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"fns\.ckpt\.index: "):
        import_checkpoint(index)


def test_variables_of_huge_shapes_are_never_read(reference: Any, tmp_path: Path) -> None:
    entry = reference.field(1, 1) + reference.field(2, reference.shape_proto((2**20, 2**20)))
    entry += reference.field(4, 0) + reference.field(5, 4 * 2**40)
    index = tmp_path / "fns.ckpt.index"
    index.write_bytes(reference.table_of([(b"Variable", entry)]))
    with pytest.raises(ModelError, match="not a network of lengstrom"):
        import_checkpoint(index)


def test_a_shard_elsewhere_is_not_looked_for(reference: Any, tmp_path: Path) -> None:
    """The name of the data file is made of numbers: no path can be in it."""
    shape = reference.shape_proto((9, 9, 3, 32))
    entry = reference.field(1, 1) + reference.field(2, shape) + reference.field(3, 2**63)
    entry += reference.field(5, 4 * 9 * 9 * 3 * 32)
    index = tmp_path / "fns.ckpt.index"
    index.write_bytes(reference.table_of([(b"Variable", entry)]))
    with pytest.raises(ModelError, match="is not beside it"):
        import_checkpoint(index)


def test_weights_that_are_not_finite_are_refused(reference: Any, tmp_path: Path) -> None:
    variables = dict(reference.lengstrom_variables())
    variables["Variable_7"] = variables["Variable_7"] * np.float32("nan")
    with pytest.raises(ModelError, match="NaN or infinity"):
        import_checkpoint(reference.write_bundle(tmp_path / "fns.ckpt", variables))
    state = reference.examples_state()
    state["res3.in2.bias"][4] = float("inf")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=r"a\.pth: res3\.in2\.bias holds NaN or infinity"):
        import_checkpoint(tmp_path / "a.pth")


def test_missing_surplus_and_misshapen_tensors_are_named(reference: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"

    def refused(state: dict[str, Any], complaint: str) -> None:
        torch.save(state, path)
        with pytest.raises(ModelError, match=complaint):
            import_checkpoint(path)

    state = reference.examples_state()
    refused({k: v for k, v in state.items() if k != "in5.weight"}, r"in5\.weight is missing")
    refused(state | {"in6.weight": torch.ones(3)}, r"in6\.weight is not one of the tensors")
    refused(state | {"in5.weight": torch.ones(33)}, r"in5\.weight is \(33,\).*wanted \(32,\)")
    refused(state | {"in5.weight": torch.ones(32, dtype=torch.long)}, "wanted .* floats")
    refused({"features.0.weight": torch.ones(2)}, "not a network of pytorch/examples")
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="holds a list, not named tensors"):
        import_checkpoint(path)
