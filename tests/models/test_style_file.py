"""Style files: what is saved comes back, and what is not a style is refused by name."""

import dataclasses
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from torch import Tensor

from impasto.errors import ModelError
from impasto.models import load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network

SMALL = StyleNetworkConfig(width=0.25)
Rewrite = Callable[[Callable[[dict[str, Tensor]], object]], Path]


@pytest.fixture
def rewrite(style_file: Path) -> Rewrite:
    """Change the tensors of the style file and keep its metadata."""

    def apply(change: Callable[[dict[str, Tensor]], object]) -> Path:
        data = style_file.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        tensors = load_file(style_file)
        change(tensors)
        save_file(tensors, style_file, metadata)
        return style_file

    return apply


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        StyleNetworkConfig(architecture="paper", width=0.25, norm="batch"),
        StyleNetworkConfig(architecture="paper", width=0.125, norm="instance"),
        StyleNetworkConfig(architecture="fast", width=0.25, blocks=2),
    ],
)
def test_a_saved_network_comes_back_rounded_to_float16(
    tmp_path: Path, config: StyleNetworkConfig
) -> None:
    network = build_style_network(config)
    save_model(tmp_path / "style.safetensors", network, config, {"name": "Mine"})
    model = load_style_model(tmp_path / "style.safetensors")
    assert (model.name, model.config) == ("Mine", config)
    for name, tensor in network.state_dict().items():
        loaded = model.network.state_dict()[name]
        assert loaded.dtype == tensor.dtype
        rounded = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded, rounded)


def test_float32_files_are_exact(tmp_path: Path) -> None:
    network = build_style_network(SMALL).eval()
    path = tmp_path / "exact.safetensors"
    save_model(path, network, SMALL, {}, dtype=torch.float32)
    image = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert torch.equal(load_style_model(path)(image), network(image).clamp(0, 1))


def test_a_loaded_model_is_frozen_in_eval_mode_and_on_the_cpu(style_file: Path) -> None:
    model = load_style_model(str(style_file))
    assert not model.network.training
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    assert model.device == torch.device("cpu")
    assert model.to("cpu") is model


def test_moving_a_model_leaves_the_original_where_it_was(style_file: Path) -> None:
    model = load_style_model(style_file)
    moved = model.to("meta")
    assert (moved.device.type, model.device.type) == ("meta", "cpu")


def test_the_card_is_kept_and_names_the_network(style_file: Path) -> None:
    card = load_style_model(style_file).card
    assert card["artist"] == "Nobody"
    assert card["name"] == "swirls"
    assert card["network"] == dataclasses.asdict(SMALL)


def test_the_half_width_file_is_as_small_as_promised(tmp_path: Path) -> None:
    config = StyleNetworkConfig(width=0.5)
    network = build_style_network(config)
    path = tmp_path / "half.safetensors"
    save_model(path, network, config, {})
    values = sum(tensor.numel() for tensor in network.state_dict().values())
    assert 2 * values < path.stat().st_size < 2 * values + 20_000  # the header
    assert path.stat().st_size < 0.9e6


def test_saving_over_a_file_replaces_it_whole_or_not_at_all(style_file: Path) -> None:
    before = style_file.read_bytes()
    network = build_style_network(SMALL)
    with pytest.raises(TypeError):
        save_model(style_file, network, SMALL, {"year": object()})  # no JSON
    assert style_file.read_bytes() == before
    assert [path.name for path in style_file.parent.iterdir()] == [style_file.name]


def test_the_same_style_is_the_same_file_readable_as_others_are(style_file: Path) -> None:
    model = load_style_model(style_file)
    again, plain = style_file.with_name("again.safetensors"), style_file.with_name("plain")
    save_model(again, model.network, model.config, model.card)
    assert again.read_bytes() == style_file.read_bytes()
    plain.touch()
    assert again.stat().st_mode == plain.stat().st_mode


def test_a_network_of_another_config_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"wrong\.safetensors.*wanted"):
        save_model(
            tmp_path / "wrong.safetensors", build_style_network(SMALL), StyleNetworkConfig(), {}
        )
    assert not list(tmp_path.iterdir())


def test_weights_beyond_float16_are_not_saved_as_infinity(tmp_path: Path) -> None:
    network = build_style_network(SMALL)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = 1e6
    with pytest.raises(ModelError, match="infinity"):
        save_model(tmp_path / "big.safetensors", network, SMALL, {})


def test_every_truncation_is_refused_by_name(style_file: Path) -> None:
    data = style_file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    for keep in (0, 1, 7, 8, 9, 8 + length // 2, 8 + length, len(data) // 2, len(data) - 1):
        style_file.write_bytes(data[:keep])
        with pytest.raises(ModelError, match=r"swirls\.safetensors"):
            load_style_model(style_file)


def test_surplus_bytes_behind_the_tensors_are_refused(style_file: Path) -> None:
    style_file.write_bytes(style_file.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="damaged"):
        load_style_model(style_file)


class Bomb:
    """Unpickling one makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_a_renamed_pickle_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    path, mark = tmp_path / "evil.safetensors", tmp_path / "mark"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save(Bomb(mark), path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(ModelError, match=r"evil\.safetensors.*pickle"):
        load_style_model(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "start",
    [
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 2**20 + 1),
        struct.pack("<Q", 0),
        struct.pack("<Q", 40) + b"[" * 40,
        struct.pack("<Q", 100_000) + b'{"a":' * 20_000,  # deep nesting
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 22) + b'{"__metadata__": true}',
        struct.pack("<Q", 24) + b'{"__metadata__":{"a":1}}',
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    ],
)
def test_other_beginnings_are_refused(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(start)
    with pytest.raises(ModelError, match=r"odd\.safetensors: not a safetensors file"):
        load_style_model(path)


def test_a_file_larger_than_any_style_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: a tebibyte
    with pytest.raises(ModelError, match="larger than any style"):
        load_style_model(path)


def test_another_safetensors_file_is_told_from_a_style(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_arrays({"conv.weight": np.zeros((2, 2), np.float32)}, path)
    with pytest.raises(ModelError, match=r"other\.safetensors.*not a style of this Impasto"):
        load_style_model(path)


def test_a_style_of_a_later_format_asks_for_an_update(
    edit_metadata: Callable[[str, str], Path],
) -> None:
    path = edit_metadata("format", "impasto-style-9")
    with pytest.raises(ModelError, match=r"impasto-style-9.*update impasto"):
        load_style_model(path)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "[" * 5000,
        "{}",
        '{"architecture": "modern", "width": 0.25}',
        '{"architecture": "modern", "width": "0.25", "norm": "instance"}',
        '{"architecture": "modern", "width": true, "norm": "instance"}',
        '{"architecture": "modern", "width": NaN, "norm": "instance"}',
        '{"architecture": "modern", "width": 1e9, "norm": "instance"}',
        '{"architecture": "modern", "width": -1, "norm": "instance"}',
        '{"architecture": "modern", "width": 0.25, "norm": "instance", "more": 1}',
        '{"architecture": "transformer", "width": 0.25, "norm": "instance"}',
        '{"architecture": ["modern"], "width": 0.25, "norm": "instance"}',
        '{"architecture": "modern", "width": 0.25, "norm": "layer"}',
        '{"architecture": "modern", "width": 0.25, "norm": "instance", "blocks": 2.0}',
        '{"architecture": "modern", "width": 0.25, "norm": "instance", "blocks": 1000000}',
    ],
)
def test_configs_that_make_no_network_are_refused(
    edit_metadata: Callable[[str, str], Path], config: str
) -> None:
    path = edit_metadata("config", config)
    with pytest.raises(ModelError, match=r"swirls\.safetensors: "):
        load_style_model(path)


def test_a_file_from_before_there_were_blocks_to_choose_has_five(
    edit_metadata: Callable[[str, str], Path],
) -> None:
    path = edit_metadata("config", '{"architecture": "modern", "width": 0.25, "norm": "instance"}')
    model = load_style_model(path)
    assert model.config == StyleNetworkConfig(width=0.25, blocks=5)


@pytest.mark.parametrize("card", ["", "null", "[1]", "{"])
def test_cards_that_are_no_objects_are_refused(
    edit_metadata: Callable[[str, str], Path], card: str
) -> None:
    path = edit_metadata("card", card)
    with pytest.raises(ModelError, match="card"):
        load_style_model(path)


@pytest.mark.parametrize("width", ["0.5", "1", "0.125"])
def test_tensors_of_another_width_are_refused(
    edit_metadata: Callable[[str, str], Path], width: str
) -> None:
    config = f'{{"architecture": "modern", "width": {width}, "norm": "instance"}}'
    path = edit_metadata("config", config)
    with pytest.raises(ModelError, match=r"swirls\.safetensors: layers\.\S+ is \("):
        load_style_model(path)


def test_a_missing_tensor_is_named(
    rewrite: Rewrite,
) -> None:
    path = rewrite(lambda tensors: tensors.pop("layers.4.second.conv.weight"))
    with pytest.raises(ModelError, match=r"'layers\.4\.second\.conv\.weight' is missing"):
        load_style_model(path)


def test_a_surplus_tensor_is_named(
    rewrite: Rewrite,
) -> None:
    path = rewrite(lambda tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(ModelError, match="'extra' is not one"):
        load_style_model(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(rewrite: Rewrite, value: float) -> None:
    path = rewrite(lambda tensors: tensors["layers.10.conv.bias"].fill_(value))
    with pytest.raises(ModelError, match=r"layers\.10\.conv\.bias holds NaN or infinity"):
        load_style_model(path)


def test_integer_weights_are_refused(
    rewrite: Rewrite,
) -> None:
    path = rewrite(lambda t: t.update({"layers.10.conv.bias": torch.zeros(3, dtype=torch.int64)}))
    with pytest.raises(ModelError, match=r"torch\.int64, wanted \(3,\) floats"):
        load_style_model(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors: no such file"):
        load_style_model(tmp_path / "none.safetensors")
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    with pytest.raises(ModelError, match=r"folder\.safetensors: cannot be read"):
        load_style_model(folder)


def test_a_file_in_the_current_folder_is_found_by_its_bare_name(
    style_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style_file.rename(style_file.with_suffix(""))
    monkeypatch.chdir(style_file.parent)
    assert load_style_model("swirls").name == "swirls"


def test_an_unknown_name_is_a_style_not_a_file() -> None:
    with pytest.raises(ModelError, match="no style 'no-such-painting'"):
        load_style_model("no-such-painting")
