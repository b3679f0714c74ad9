"""Model files made to harm: each is refused by name, with a remedy, in bounded time and memory."""

import json
import pickle
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from impasto.errors import ModelError, WeightsError
from impasto.models import load_style_model, load_superres_model, save_model
from impasto.models.importing import import_checkpoint
from impasto.networks import load_loss_network
from impasto.networks.superres import SuperResConfig, build_superres_network

SMALL = SuperResConfig(factor=2, width=0.125, blocks=1)
Load = Callable[[Path], object]


@pytest.fixture(params=["style", "upscaler"])
def sound(request: pytest.FixtureRequest, style_file: Path) -> tuple[Path, Load]:
    """A file that is as it should be, and what loads it."""
    if request.param == "style":
        return style_file, load_style_model
    path = style_file.with_name("twice.safetensors")
    save_model(path, build_superres_network(SMALL), SMALL, {})
    return path, load_superres_model


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write(path: Path, header: dict[str, Any] | bytes, body: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def refused(path: Path, load: Load, complaint: str = r"\.") -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ModelError, WeightsError), match=complaint) as caught:
        load(path)
    assert path.name in str(caught.value)
    # kilobytes: nothing like what the files declare
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize(
    "lie",
    [
        {"data_offsets": [0, 10**15]},
        {"data_offsets": [10**6, 10**6 + 4]},
        {"data_offsets": [-8, 8]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [0]},
        {"data_offsets": ["0", "8"]},
        {"shape": [2**40, 2**40]},
        {"shape": [2**31, 2**31, 0]},
        {"shape": [-1]},
        {"shape": []},
        {"dtype": "F128"},
        {"dtype": "I64"},
        {"dtype": None},
    ],
)
def test_headers_that_lie_are_refused(sound: tuple[Path, Load], lie: dict[str, Any]) -> None:
    path, load = sound
    header, body = header_of(path)
    header[next(name for name in header if name != "__metadata__")].update(lie)
    write(path, header, body)
    refused(path, load)


def test_two_tensors_in_one_place_are_refused(sound: tuple[Path, Load]) -> None:
    path, load = sound
    header, body = header_of(path)
    one, two, *_ = (name for name in header if name != "__metadata__")
    header[one]["data_offsets"] = header[two]["data_offsets"]
    write(path, header, body)
    refused(path, load)


@pytest.mark.parametrize("where", ["tensor", "metadata", "field"])
def test_keys_that_are_there_twice_are_refused(sound: tuple[Path, Load], where: str) -> None:
    """One reader takes the first, another the last: what is checked must be what is loaded."""
    path, load = sound
    header, body = header_of(path)
    name = next(name for name in header if name != "__metadata__")
    text = json.dumps(header).encode()
    if where == "field":
        text = text.replace(b'"dtype":', b'"dtype": "F32", "dtype":', 1)
    else:
        key = name if where == "tensor" else "__metadata__"
        text = b"{" + json.dumps({key: header[key]}).encode()[1:-1] + b", " + text[1:]
    write(path, text, body)
    refused(path, load, "a key is there twice")


def test_a_config_with_a_key_twice_is_refused(sound: tuple[Path, Load]) -> None:
    path, load = sound
    header, body = header_of(path)
    metadata = header["__metadata__"]
    metadata["config"] = metadata["config"].replace("{", '{"width": 4.0, ', 1)
    write(path, header, body)
    refused(path, load, "config")


def test_an_oversize_header_is_refused(sound: tuple[Path, Load]) -> None:
    path, load = sound
    header, body = header_of(path)
    header["__metadata__"]["card"] = " " * 2**21
    write(path, header, body)
    refused(path, load, "not a safetensors file")


def test_many_tiny_tensors_are_refused(sound: tuple[Path, Load]) -> None:
    path, load = sound
    header, body = header_of(path)
    for index in range(12_000):
        header[f"x{index}"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    write(path, header, body)
    refused(path, load)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_weight_that_is_not_finite_is_refused(sound: tuple[Path, Load], value: float) -> None:
    path, load = sound
    tensors, metadata = load_file(path), header_of(path)[0]["__metadata__"]
    name = min(tensors)
    tensors[name].view(-1)[0] = value
    path.write_bytes(save(tensors, metadata))
    refused(path, load, "NaN or infinity")


# ------------------------------------------------------------------- pickled files
class Bomb:
    """Unpickling one makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def examples_like(first: torch.Tensor) -> dict[str, torch.Tensor]:
    rest = {"res1.in1.bias": torch.zeros(1), "deconv3.conv2d.weight": torch.zeros(1)}
    return {"conv1.conv2d.weight": first, **rest}


PICKLED: list[Any] = [
    pytest.param(import_checkpoint, id="import"),
    pytest.param(load_loss_network, id="loss"),
]


@pytest.mark.parametrize("load", PICKLED)
@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, load: Load, kind: str) -> None:
    path, mark = tmp_path / "evil.pth", tmp_path / "mark"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save(
            {"conv1.conv2d.weight": Bomb(mark)}, path, _use_new_zipfile_serialization=kind == "zip"
        )
    refused(path, load, "running code from it")
    assert not mark.exists()


@pytest.fixture(scope="module")
def zip_bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """192 MiB of zeros, in 200 KB."""
    folder = tmp_path_factory.mktemp("bomb")
    torch.save(examples_like(torch.zeros(1)), folder / "plain.pth")
    path = folder / "bomb.pth"
    with (
        zipfile.ZipFile(folder / "plain.pth") as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            with new.open(entry.filename, "w") as stream:
                if entry.filename.endswith("data/0"):
                    for _ in range(192):
                        stream.write(bytes(2**20))
                else:
                    stream.write(old.read(entry))
    return path


@pytest.mark.parametrize("load", PICKLED)
def test_a_zip_bomb_is_not_unpacked(zip_bomb: Path, load: Load) -> None:
    assert zip_bomb.stat().st_size < 2**20
    refused(zip_bomb, load, "packed, or declares more than it holds")


@pytest.mark.parametrize("load", PICKLED)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_shape_larger_than_the_file_is_refused(tmp_path: Path, load: Load, zipped: bool) -> None:
    path = tmp_path / "wide.pth"
    one = torch.zeros(1).expand(10**12)  # a view of four bytes
    torch.save(examples_like(one), path, _use_new_zipfile_serialization=zipped)
    refused(path, load, "declares 1000000000000 of something")


def test_a_view_that_claims_to_be_large_is_refused_by_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.pth"
    torch.save(examples_like(torch.zeros(1).expand(1000, 1000, 1000, 50)), path)
    refused(path, import_checkpoint, "first layer of .* filters")


@pytest.mark.parametrize("load", PICKLED)
def test_truncated_pickles_are_refused(tmp_path: Path, load: Load) -> None:
    whole = tmp_path / "whole.pth"
    for zipped in (True, False):
        torch.save(
            examples_like(torch.zeros(32, 3, 9, 9)), whole, _use_new_zipfile_serialization=zipped
        )
        data = whole.read_bytes()
        for keep in (0, 1, 2, 30, len(data) // 2, len(data) - 1):
            path = tmp_path / "cut.pth"
            path.write_bytes(data[:keep])
            refused(path, load)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x80\x02", b"\x80\x02}q\x00.", b"{}", b"\0" * 5000]
)
def test_other_bytes_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pth"
    path.write_bytes(content)
    refused(path, import_checkpoint)


def test_a_huge_file_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.pth"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: a tebibyte
    refused(path, import_checkpoint, "larger than any style network")
