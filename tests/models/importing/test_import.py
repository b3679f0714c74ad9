"""Imported networks paint what those who trained them see."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.engines.engine import Engine
from impasto.engines.export import export_model
from impasto.engines.strips import stylize_in_strips
from impasto.errors import ModelError, OptionError
from impasto.models import StyleModel, load_style_model, save_style_model
from impasto.models.importing.checkpoint import import_checkpoint
from impasto.plans.plan_network import PlanNetwork
from impasto.plans.rewrite import rewrite

TOLERANCE = 1e-4
Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def state(reference: Any) -> dict[str, Tensor]:
    state: dict[str, Tensor] = reference.examples_state()
    return state


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Tensor]) -> StyleModel:
    path = tmp_path_factory.mktemp("examples") / "mosaic.pth"
    torch.save(OrderedDict(state), path)
    return import_checkpoint(path)


@pytest.fixture(scope="module")
def lengstrom(bundle: Path) -> StyleModel:
    return import_checkpoint(bundle)


def image_of(height: int, width: int) -> Tensor:
    """Soft colours with some noise: a picture more than it is noise."""
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 4, 4)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (smooth + 0.05 * torch.randn(1, 3, height, width)).clamp(0, 1)


def lengstrom_wanted(reference: Any, variables: Arrays, image: Tensor) -> Tensor:
    picture = reference.lengstrom_picture(variables, image[0].permute(1, 2, 0).numpy())
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


@pytest.mark.parametrize("size_hw", [(64, 80), (37, 53), (5, 90), (18, 7)])
def test_a_network_of_pytorch_examples_paints_its_pictures(
    reference: Any, state: dict[str, Tensor], examples: StyleModel, size_hw: tuple[int, int]
) -> None:
    image = image_of(*size_hw)
    wanted = reference.examples_picture(state, image)[..., : size_hw[0], : size_hw[1]]
    assert wanted.std() > 0.1  # there is something to compare
    torch.testing.assert_close(examples(image).double(), wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("size_hw", [(64, 80), (8, 8), (12, 60)])
def test_a_network_of_lengstrom_paints_its_pictures(
    reference: Any, variables: Arrays, lengstrom: StyleModel, size_hw: tuple[int, int]
) -> None:
    image = image_of(*size_hw)
    wanted = lengstrom_wanted(reference, variables, image)
    assert wanted.std() > 0.1
    torch.testing.assert_close(lengstrom(image).double(), wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize("size_hw", [(1, 1), (3, 50), (33, 47)])
def test_other_sizes_give_pictures_of_that_size(
    request: pytest.FixtureRequest, which: str, size_hw: tuple[int, int]
) -> None:
    model = request.getfixturevalue(which)
    output = model(image_of(*size_hw))
    assert output.shape == (1, 3, *size_hw)
    assert torch.isfinite(output).all()


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize("subpixel", [True, False])
@pytest.mark.parametrize("split", [True, False])
def test_the_plan_is_the_network(
    request: pytest.FixtureRequest, which: str, subpixel: bool, split: bool
) -> None:
    model = request.getfixturevalue(which)
    network = PlanNetwork(rewrite(model.network, subpixel=subpixel, split=split))
    for size_hw in [(32, 40), (37, 53), (19, 7), (6, 90)]:
        image = image_of(*size_hw)
        torch.testing.assert_close(network(image), model(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize(
    ("backend", "precision", "psnr_db"),
    [
        ("eager", "float32", 60),
        ("eager", "bfloat16", 45),
        ("openvino", "float32", 60),
        ("openvino", "bfloat16", 45),
        ("onnx", "float32", 60),
    ],
)
def test_every_back_end_paints_it(
    request: pytest.FixtureRequest, which: str, backend: str, precision: str, psnr_db: float
) -> None:
    for package in {"openvino": ["openvino"], "onnx": ["onnx", "onnxruntime"]}.get(backend, []):
        pytest.importorskip(package)
    model = request.getfixturevalue(which)
    image = image_of(61, 83)
    painted = Engine(model, backend=backend, precision=precision, device="cpu")(image)
    error = (painted - model(image)).square().mean()
    assert -10 * torch.log10(error.clamp_min(1e-12)) >= psnr_db


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
def test_strips_are_the_whole_picture(request: pytest.FixtureRequest, which: str) -> None:
    model = request.getfixturevalue(which)
    image = image_of(75, 61)
    strips = stylize_in_strips(model.network, image, tile_hw=(16, 24)).clamp(0, 1)
    torch.testing.assert_close(strips, model(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
def test_a_saved_style_paints_the_same_and_can_be_exported(
    request: pytest.FixtureRequest, which: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = request.getfixturevalue(which)
    path = tmp_path / "imported.safetensors"
    save_style_model(path, model.network, model.config, model.card, dtype=torch.float32)
    loaded = load_style_model(path)
    image = image_of(20, 24)
    assert torch.equal(loaded(image), model(image))
    assert loaded.card["imported"]["format"] == model.config.architecture
    done = export_model(loaded, tmp_path / "imported.onnx", precision="float16")
    assert done.comparison.psnr_db > 50


def test_old_checkpoints_of_pytorch_examples_are_read(
    tmp_path: Path, state: dict[str, Tensor], examples: StyleModel
) -> None:
    """From before PyTorch 0.4: unused statistics in every norm, and the older kind of file."""
    old = dict(state)
    for name in [
        name for name in state if name.endswith(".weight") and "in" in name.split(".")[-2]
    ]:
        prefix = name.removesuffix("weight")
        old |= {
            f"{prefix}{part}": torch.ones(len(state[name]))
            for part in ("running_mean", "running_var")
        }
    assert any("running_mean" in name for name in old)
    path = tmp_path / "candy.model"
    torch.save(old, path, _use_new_zipfile_serialization=False)
    model = import_checkpoint(path)
    image = image_of(24, 28)
    assert torch.equal(model(image), examples(image))
    assert model.name == "candy"


@pytest.mark.parametrize("wrap", ["state_dict", "module."])
def test_wrapped_and_parallel_checkpoints_are_read(
    tmp_path: Path, state: dict[str, Tensor], examples: StyleModel, wrap: str
) -> None:
    wrapped = {wrap: state} if wrap == "state_dict" else {wrap + k: v for k, v in state.items()}
    torch.save(wrapped, tmp_path / "mosaic.pt")
    image = image_of(24, 28)
    assert torch.equal(import_checkpoint(tmp_path / "mosaic.pt")(image), examples(image))


def test_other_widths_and_depths_of_pytorch_examples_are_read(
    tmp_path: Path, reference: Any
) -> None:
    state = reference.examples_state(blocks=2, width=16, seed=3)
    torch.save(state, tmp_path / "slim.pth")
    model = import_checkpoint(tmp_path / "slim.pth")
    assert (model.config.width, model.config.blocks) == (0.5, 2)
    image = image_of(22, 26)
    wanted = reference.examples_picture(state, image, blocks=2)[..., :22, :26]
    torch.testing.assert_close(model(image).double(), wanted, rtol=0, atol=TOLERANCE)


def test_both_versions_of_tensorflow_checkpoints_are_read(
    tmp_path: Path, reference: Any, variables: Arrays, lengstrom: StyleModel
) -> None:
    path = reference.write_slices(tmp_path / "wave.ckpt", variables)
    model = import_checkpoint(path)
    assert model.name == "wave"
    image = image_of(16, 20)
    assert torch.equal(model(image), lengstrom(image))


@pytest.mark.parametrize("given", ["folder", "prefix", "data", "meta", "note"])
def test_a_checkpoint_is_found_by_any_of_its_files(
    tmp_path: Path, bundle: Path, lengstrom: StyleModel, given: str
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
    model = import_checkpoint(paths.get(given, tmp_path))
    image = image_of(12, 16)
    assert torch.equal(model(image), lengstrom(image))


def test_the_card_says_where_it_came_from(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "rain_princess.pth")
    model = import_checkpoint(
        tmp_path / "rain_princess.pth", artist="Leonid Afremov", licence="BSD-3-Clause", title=""
    )
    assert model.card["artist"] == "Leonid Afremov"
    assert model.card["licence"] == "BSD-3-Clause"
    assert "title" not in model.card
    assert model.card["imported"]["file"] == "rain_princess.pth"
    assert len(model.card["imported"]["sha256"]) == 64


def test_a_wrong_format_is_told(tmp_path: Path, bundle: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "mosaic.pth")
    with pytest.raises(OptionError, match="no checkpoint format 'caffe'"):
        import_checkpoint(tmp_path / "mosaic.pth", format="caffe")
    with pytest.raises(ModelError, match=r"mosaic\.pth: not a TensorFlow checkpoint"):
        import_checkpoint(tmp_path / "mosaic.pth", format="lengstrom")
    with pytest.raises(ModelError, match=r"fns\.ckpt\.index: cannot be read without running code"):
        import_checkpoint(bundle, format="pytorch-examples")
    with pytest.raises(ModelError, match=r"nothing\.pth: no such file"):
        import_checkpoint(tmp_path / "nothing.pth")
    with pytest.raises(ModelError, match="0 TensorFlow checkpoints in this folder"):
        import_checkpoint(tmp_path)
