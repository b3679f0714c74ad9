"""Exported files: read by their own runtimes, of any size, with what they are inside."""

import json
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.engines import export
from impasto.engines.export import export_model
from impasto.engines.export_files import METADATA_FILE
from impasto.errors import ModelError, OptionError
from impasto.machine.extras import openvino_core
from impasto.models import StyleModel, SuperResModel, load_style_model
from impasto.networks import build_style_network
from impasto.networks.superres import SuperResConfig

SHAPES = [(1, 33, 47), (2, 64, 64), (1, 1, 1), (1, 2, 1), (1, 3, 61)]
# every plan that is written: shrink 1 and 2, a mask, skips, transposed convolutions, luma alone
UPSCALERS = [
    SuperResConfig(factor=4, width=0.25, blocks=1),
    SuperResConfig(factor=3, width=0.25, blocks=1, shrink=2),
    SuperResConfig(factor=1, width=0.25, blocks=1, shrink=2),
    SuperResConfig(factor=1, width=0.25, blocks=1, shrink=4, in_channels=4),
    SuperResConfig(architecture="paper", factor=2, width=0.125),
    SuperResConfig(architecture="srcnn-9-5-5", factor=3),
    SuperResConfig(architecture="srcnn-9-1-5", factor=1),
]


@pytest.fixture(autouse=True)
def _quiet_tracer() -> Iterator[None]:
    """PyTorch's tracer writes a log for tools, which pytest would gather."""
    logging.disable(logging.DEBUG)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def starry_night() -> StyleModel:
    return load_style_model("starry-night")


def run_file(path: Path, image: Tensor) -> NDArray[Any]:
    """What the file's own runtime makes of an image, in float32."""
    array = image.numpy()
    if path.suffix == ".onnx":
        pytest.importorskip("onnx")
        runtime = pytest.importorskip("onnxruntime")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        output: NDArray[Any] = session.run(["output"], {"image": array})[0]
        return output
    if path.suffix == ".xml":
        pytest.importorskip("openvino")
        hint = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino_core().compile_model(path, "CPU", hint)
        return np.array(compiled({"image": array})["output"])
    with torch.no_grad():
        return torch.export.load(path).module()(image).numpy()


def needs(suffix: str) -> None:
    for package in {".onnx": ("onnx", "onnxruntime"), ".xml": ("openvino",)}.get(suffix, ()):
        pytest.importorskip(package)


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_a_file_paints_images_of_every_size(
    tmp_path: Path, starry_night: StyleModel, suffix: str
) -> None:
    needs(suffix)
    done = export_model(starry_night, tmp_path / f"night{suffix}")
    assert done.files[0] == tmp_path / f"night{suffix}"
    assert done.comparison.largest_difference < 1e-4
    assert done.comparison.psnr_db > 80
    for count, height, width in SHAPES:
        image = torch.rand(count, 3, height, width)
        output = run_file(done.files[0], image)
        # of one or two pixels no map has a variance, and each norm enlarges what rounding left
        atol = 1e-4 if height * width > 2 else 3e-2
        np.testing.assert_allclose(output, starry_night(image), rtol=0, atol=atol)


def test_an_onnx_file_says_what_it_is(tmp_path: Path, starry_night: StyleModel) -> None:
    needs(".onnx")
    runtime = pytest.importorskip("onnxruntime")
    path = export_model(starry_night, tmp_path / "night.onnx").files[0]
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["name"] == "starry-night"
    assert facts["task"] == "style"
    assert facts["artist"] == "Vincent van Gogh"
    assert "Apache-2.0" in facts["licence"]
    assert facts["impasto"]
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]


def test_a_pytorch_file_says_what_it_is(tmp_path: Path, model: StyleModel) -> None:
    path = export_model(model, tmp_path / "random.pt2", size_hw=(9, 9), precision="float16").files[
        0
    ]
    extra: dict[str, Any] = {METADATA_FILE: ""}
    torch.export.load(path, extra_files=extra)
    facts = json.loads(extra[METADATA_FILE])
    assert (facts["name"], facts["precision"]) == ("random", "float16")


@pytest.mark.parametrize("samples", ["float32", "uint8"])
def test_an_openvino_file_has_its_weights_beside_it(
    tmp_path: Path, starry_night: StyleModel, samples: Any
) -> None:
    needs(".xml")
    done = export_model(starry_night, tmp_path / "night.xml", samples=samples)
    assert {path.name for path in tmp_path.iterdir()} == {"night.xml", "night.bin"}
    read = openvino_core().read_model(done.files[0])
    assert read.get_rt_info(["impasto", "name"]).astype(str) == "starry-night"


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_uint8_samples_go_in_and_come_out(tmp_path: Path, model: StyleModel, suffix: str) -> None:
    needs(suffix)
    size_hw = (30, 41) if suffix == ".pt2" else None  # tracing of all sizes takes seconds
    done = export_model(model, tmp_path / f"random{suffix}", samples="uint8", size_hw=size_hw)
    image = torch.randint(0, 256, (1, 3, 30, 41), dtype=torch.uint8)
    output = run_file(done.files[0], image)
    assert output.dtype == np.uint8
    assert np.abs(output - model(image / 255).numpy() * 255).max() <= 0.51


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
@pytest.mark.parametrize("config", UPSCALERS, ids=lambda config: f"{config.architecture}")
def test_super_resolution_and_restoration_models_are_exported(
    tmp_path: Path,
    make_upscaler: Callable[..., SuperResModel],
    config: SuperResConfig,
    suffix: str,
) -> None:
    needs(suffix)
    upscaler = make_upscaler(config, licence="CC0")
    done = export_model(upscaler, tmp_path / f"model{suffix}")
    # 37 x 53, a single pixel and more have been compared before the file was kept
    assert done.comparison.largest_difference < 1e-3
    image = torch.rand(2, config.in_channels, 13, 6)
    if config.in_channels == 4:
        image[:, 3:] = image[:, 3:].round()
        holes = image[:, 3:] > 0
        blank = torch.cat([torch.where(holes, 0.5, image[:, :3]), image[:, 3:]], dim=1)
        wanted = torch.where(holes, upscaler(blank), image[:, :3])
    else:
        wanted = upscaler(image)
    output = run_file(done.files[0], image)
    assert output.shape == (2, 3, 13 * config.factor, 6 * config.factor)
    np.testing.assert_allclose(output, wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("suffix", "precision", "psnr_db"),
    [
        (".onnx", "float16", 60),
        (".xml", "float16", 60),
        (".xml", "bfloat16", 45),
        (".pt2", "float16", 60),
        (".pt2", "bfloat16", 45),
    ],
)
def test_half_precision_is_as_good_as_promised(
    tmp_path: Path, starry_night: StyleModel, suffix: str, precision: Any, psnr_db: float
) -> None:
    needs(suffix)
    size_hw = (37, 53) if suffix == ".pt2" else None  # tracing of all sizes takes seconds
    whole = export_model(starry_night, tmp_path / f"whole{suffix}", size_hw=size_hw)
    half = export_model(
        starry_night, tmp_path / f"half{suffix}", precision=precision, size_hw=size_hw
    )
    assert psnr_db <= half.comparison.psnr_db < whole.comparison.psnr_db
    if precision == "float16":
        sizes = [sum(p.stat().st_size for p in done.files) for done in (half, whole)]
        assert sizes[0] < 0.65 * sizes[1]


def test_onnx_float16_keeps_statistics_in_float32(tmp_path: Path, model: StyleModel) -> None:
    needs(".onnx")
    onnx = pytest.importorskip("onnx")
    path = export_model(model, tmp_path / "half.onnx", precision="float16").files[0]
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    norms = [node for node in graph.node if node.op_type == "InstanceNormalization"]
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert {kinds[node.input[0]] for node in norms} == {onnx.TensorProto.FLOAT}
    assert {kinds[node.output[0]] for node in convolutions} == {onnx.TensorProto.FLOAT16}
    ends = {end.type.tensor_type.elem_type for end in (*graph.input, *graph.output)}
    assert ends == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_a_file_of_one_size_needs_no_arithmetic_on_sizes(
    tmp_path: Path, model: StyleModel, suffix: str
) -> None:
    needs(suffix)
    path = export_model(model, tmp_path / f"fixed{suffix}", size_hw=(30, 41)).files[0]
    image = torch.rand(1, 3, 30, 41)
    np.testing.assert_allclose(run_file(path, image), model(image), rtol=0, atol=1e-3)
    if suffix == ".onnx":
        onnx = pytest.importorskip("onnx")
        graph = onnx.load(path).graph
        assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [1, 3, 30, 41]
        assert not {"Shape", "Range", "Mod"} & {node.op_type for node in graph.node}


def test_other_formats_are_refused(tmp_path: Path, model: StyleModel) -> None:
    with pytest.raises(OptionError, match=r"end in \.onnx, \.xml or \.pt2, not in \.tflite"):
        export_model(model, tmp_path / "night.tflite")


def test_a_precision_that_the_format_does_not_have_is_refused(
    tmp_path: Path, model: StyleModel
) -> None:
    with pytest.raises(OptionError, match=r"\.onnx files have no 'bfloat16'.*\.xml or \.pt2"):
        export_model(model, tmp_path / "night.onnx", precision="bfloat16")


def test_networks_that_make_the_whole_picture_are_not_exported_in_half_precision(
    tmp_path: Path, make_upscaler: Callable[..., SuperResModel]
) -> None:
    paper = make_upscaler(SuperResConfig(architecture="paper", factor=2, width=0.125))
    with pytest.raises(OptionError, match=r"smooth areas would show steps.*choose float32"):
        export_model(paper, tmp_path / "paper.onnx", precision="float16")
    modern = make_upscaler(SuperResConfig(factor=2, width=0.125, blocks=1))
    with pytest.raises(OptionError, match=r"the enlargement too.*\.pt2"):
        export_model(modern, tmp_path / "modern.xml", precision="bfloat16")


def test_a_model_with_nan_is_not_exported(tmp_path: Path, model: StyleModel) -> None:
    network = build_style_network(model.config).requires_grad_(False)
    next(network.parameters())[0] = float("nan")
    broken = StyleModel(name="broken", network=network, config=model.config)
    with pytest.raises(ModelError, match="not finite"):
        export_model(broken, tmp_path / "broken.onnx")


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".xml"])
def test_a_file_whose_pixels_differ_is_not_kept(
    tmp_path: Path,
    model: StyleModel,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    precision: Any,
) -> None:
    needs(suffix)
    torch.manual_seed(1)
    other = build_style_network(model.config).requires_grad_(False)
    genuine = export.rewrite
    monkeypatch.setattr(export, "rewrite", lambda network, **options: genuine(other, **options))  # noqa: ARG005
    with pytest.raises(ModelError, match="differs from the model by"):
        export_model(model, tmp_path / f"night{suffix}", precision=precision, size_hw=(20, 20))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_overflows_in_half_precision_is_not_kept(
    tmp_path: Path, model: StyleModel
) -> None:
    network = build_style_network(model.config).requires_grad_(False)
    # the norm takes this factor out again, unless its map has left the range of float16
    network.layers[1].conv.weight.mul_(1e6)
    loud = StyleModel(name="loud", network=network, config=model.config)
    assert math.isfinite(
        export_model(loud, tmp_path / "loud.pt2", size_hw=(24, 24)).comparison.psnr_db
    )
    with pytest.raises(ModelError, match="choose precision float32"):
        export_model(loud, tmp_path / "half.pt2", size_hw=(24, 24), precision="float16")
    assert [path.name for path in tmp_path.iterdir()] == ["loud.pt2"]
