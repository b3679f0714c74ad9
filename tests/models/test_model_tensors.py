"""Model files read without torch: the same numbers, and the same care."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import ModelError
from impasto.models import (
    list_styles,
    list_upscalers,
    load_style_model,
    load_superres_model,
    save_model,
)
from impasto.models.kinds import read_style_tensors, read_superres_tensors
from impasto.models.model_file import ModelTensors
from impasto.models.trained_model import TrainedModel
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.superres import SuperResConfig, build_superres_network
from impasto.networks.superres_config import superres_shapes

SMALL = SuperResConfig(factor=2, width=0.125, blocks=1)
ALL_KINDS = (
    SMALL,
    SuperResConfig(factor=1, width=0.25, blocks=3, shrink=2, in_channels=4),
    SuperResConfig(architecture="paper", factor=4, width=0.3),
    SuperResConfig(architecture="paper", factor=8, width=0.125),
    SuperResConfig(architecture="srcnn-9-1-5", factor=3),
    SuperResConfig(architecture="srcnn-9-5-5", factor=4),
)


def assert_same(read: ModelTensors | None, model: TrainedModel) -> None:
    assert read is not None
    assert (read.name, read.config, read.card) == (model.name, model.config, model.card)
    state = model.network.state_dict()
    assert read.tensors.keys() == state.keys()
    for name, tensor in state.items():
        assert read.tensors[name].dtype == (np.float32 if tensor.is_floating_point() else np.int64)
        np.testing.assert_array_equal(read.tensors[name], tensor.numpy())


@pytest.mark.parametrize("config", ALL_KINDS, ids=str)
def test_shapes_of_super_resolution_are_those_of_its_network(config: SuperResConfig) -> None:
    with torch.device("meta"):
        state = build_superres_network(config).state_dict()
    assert superres_shapes(config) == {name: tuple(each.shape) for name, each in state.items()}


@pytest.mark.parametrize("config", ALL_KINDS, ids=str)
def test_super_resolution_files_are_read_as_torch_reads_them(
    tmp_path: Path, config: SuperResConfig
) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, build_superres_network(config), config, {"name": "Mine"})
    read = read_superres_tensors(path, factor=config.factor)
    assert read is not None
    assert_same(read[0], load_superres_model(path))


def test_bundled_models_are_read_by_name() -> None:
    style, upscaler = list_styles()[0], list_upscalers()[0]
    assert_same(read_style_tensors(style.name), load_style_model(style.name))
    assert_same(read_style_tensors(style.name, "fast"), load_style_model(style.name, "fast"))
    read = read_superres_tensors(upscaler.name)
    assert read is not None
    assert_same(read[0], load_superres_model(upscaler.name))
    eightfold = read_superres_tensors("pixel", factor=8)
    assert eightfold is not None
    assert [model.config.factor for model in eightfold] == [4, 2]
    for read_any in (read_style_tensors, read_superres_tensors):
        with pytest.raises(ModelError, match=r"no (style|upscaler) 'hallo'"):
            read_any("hallo")


@pytest.mark.parametrize("architecture", ["paper", "lengstrom"])
def test_networks_whose_shapes_no_record_has_are_left_to_load_model(
    tmp_path: Path, architecture: str
) -> None:
    config = StyleNetworkConfig(architecture=architecture, width=0.125)  # type: ignore[arg-type]
    path = tmp_path / "m.safetensors"
    save_model(path, build_style_network(config), config, {})
    assert read_style_tensors(path) is None
    assert load_style_model(path).config == config


def test_what_torch_has_to_read_or_refuse_is_left_to_it(tmp_path: Path) -> None:
    path, network = tmp_path / "m.safetensors", build_superres_network(SMALL)
    save_model(path, network, SMALL, {})
    assert read_superres_tensors(path, factor=4) is None
    assert read_style_tensors(path) is None
    assert read_superres_tensors(tmp_path / "none.safetensors") is None
    save_model(path, network, SMALL, {}, dtype=torch.bfloat16)
    assert read_superres_tensors(path) is None
    save_model(path, network, SMALL, {"task": "dance"})
    assert read_superres_tensors(path) is None
    save_model(path, network, SMALL, {})
    path.write_bytes(path.read_bytes().replace(b'"shape":[8,3,3,3]', b'"shape":[8,3,9,1]'))
    assert read_superres_tensors(path) is None
    path.write_bytes(path.read_bytes()[:-8])
    assert read_superres_tensors(path) is None


def test_reading_needs_no_torch() -> None:
    script = (
        "import sys; from impasto.models.kinds import read_style_tensors, read_superres_tensors; "
        "assert read_style_tensors('udnie') and read_superres_tensors('pixel', factor=4); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_repr_is_one_line_of_facts() -> None:
    style = load_style_model("udnie")
    count = sum(each.numel() for each in style.network.parameters())
    assert repr(style) == f"StyleModel('udnie', modern, width 0.5, 5 blocks, {count:,} parameters)"
    upscaler = repr(load_superres_model("pixel-x4"))
    assert upscaler.startswith("SuperResModel('pixel-x4', modern, factor 4, width ")
    assert upscaler.endswith(" parameters)")
    assert "\n" not in upscaler
