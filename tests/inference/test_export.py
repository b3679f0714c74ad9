"""Exported files: read by their own runtimes, of any size, with what they are inside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.errors import ModelError, OptionError
from impasto.inference import export
from impasto.inference.export import export_style
from impasto.inference.extras import openvino_core
from impasto.models import StyleModel, load_style_model
from impasto.networks import build_style_network


@pytest.fixture(scope="module")
def starry_night() -> StyleModel:
    return load_style_model("starry-night")


def test_an_onnx_file_paints_images_of_every_size(tmp_path: Path, starry_night: StyleModel) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    done = export_style(starry_night, tmp_path / "night.onnx")
    assert done.files == (tmp_path / "night.onnx",)
    assert done.largest_difference < 1e-3
    session = onnxruntime.InferenceSession(done.files[0], providers=["CPUExecutionProvider"])
    for shape in [(1, 3, 33, 47), (2, 3, 64, 64), (1, 3, 2, 1)]:
        image = torch.rand(*shape)
        (output,) = session.run(["output"], {"image": image.numpy()})
        np.testing.assert_allclose(output, starry_night(image), rtol=0, atol=1e-3)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["name"] == "starry-night"
    assert facts["artist"] == "Vincent van Gogh"
    assert "Apache-2.0" in facts["licence"]
    assert facts["impasto"]


def test_uint8_samples_go_in_and_come_out(tmp_path: Path, starry_night: StyleModel) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    done = export_style(starry_night, tmp_path / "night.onnx", samples="uint8")
    session = onnxruntime.InferenceSession(done.files[0], providers=["CPUExecutionProvider"])
    image = torch.randint(0, 256, (1, 3, 30, 41), dtype=torch.uint8)
    (output,) = session.run(None, {"image": image.numpy()})
    assert output.dtype == np.uint8
    wanted = starry_night(image / 255) * 255
    assert np.abs(output - wanted.numpy()).max() <= 0.51


@pytest.mark.parametrize("samples", ["float32", "uint8"])
def test_an_openvino_file_has_its_weights_beside_it(
    tmp_path: Path, starry_night: StyleModel, samples: Any
) -> None:
    pytest.importorskip("openvino")
    done = export_style(starry_night, tmp_path / "night.xml", samples=samples)
    assert {path.name for path in tmp_path.iterdir()} == {"night.xml", "night.bin"}
    core = openvino_core()
    model = core.read_model(done.files[0])
    assert model.get_rt_info(["impasto", "name"]).astype(str) == "starry-night"
    image = torch.randint(0, 256, (1, 3, 30, 41), dtype=torch.uint8)
    given = image if samples == "uint8" else image / 255
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    output = compiled({"image": given.numpy()})["output"]
    scale = 1 if samples == "uint8" else 255
    assert np.abs(output * float(scale) - starry_night(image / 255).numpy() * 255).max() <= 0.51


def test_other_formats_are_refused(tmp_path: Path, model: StyleModel) -> None:
    with pytest.raises(OptionError, match=r"end in \.onnx or \.xml, not in \.pt"):
        export_style(model, tmp_path / "night.pt")


def test_a_model_with_nan_is_not_exported(tmp_path: Path, model: StyleModel) -> None:
    network = build_style_network(model.config).requires_grad_(False)
    next(network.parameters())[0] = float("nan")
    broken = StyleModel(name="broken", network=network, config=model.config)
    with pytest.raises(ModelError, match="not finite"):
        export_style(broken, tmp_path / "broken.onnx")


def test_a_file_whose_pixels_differ_is_not_kept(
    tmp_path: Path, model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    other = build_style_network(model.config).requires_grad_(False)
    genuine = export.rewrite
    monkeypatch.setattr(export, "rewrite", lambda network: genuine(other))  # noqa: ARG005
    with pytest.raises(ModelError, match="differs from the model by"):
        export_style(model, tmp_path / "night.onnx")
    assert list(tmp_path.iterdir()) == []
