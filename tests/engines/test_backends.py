"""Every back end gives the same picture, for every bundled style, shape and precision."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from impasto.engines import backends, eager
from impasto.engines.backends import Backend, Choice, choose, make_backend
from impasto.errors import OptionError
from impasto.media import read_picture, resize_long_side
from impasto.models import StyleModel, list_styles, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans.plan_network import PlanNetwork

SAMPLES = sorted((Path(__file__).parents[2] / "docs" / "sample").glob("*.jpg"))
CPU = torch.device("cpu")
LEAST_PSNR_DB = {"bfloat16": 45.0, "float32": 60.0}
CHOICES = [
    ("eager", "float32"),
    ("eager", "bfloat16"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("onnx", "float32"),
]
PACKAGES = {"openvino": ["openvino"], "onnx": ["onnx", "onnxruntime"]}


def ready(backend: str, precision: str, model: StyleModel) -> Backend:
    """The back end; the test is skipped where its package is missing."""
    for package in PACKAGES.get(backend, []):
        pytest.importorskip(package)
    return make_backend(Choice(backend=backend, precision=precision), model, CPU)


def psnr_db(output: Tensor, reference: Tensor) -> float:
    return float(-10 * torch.log10((output - reference).square().mean()))


def without(*packages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if only the other packages were installed."""
    monkeypatch.setattr(backends, "is_installed", lambda package: package not in packages)


def with_amx(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    dtype = torch.bfloat16 if there else torch.float32
    monkeypatch.setattr("impasto.machine.devices.choose_dtype", lambda name, device: dtype)  # noqa: ARG005


@pytest.mark.parametrize(("backend", "precision"), CHOICES)
@pytest.mark.parametrize("style", [entry.name for entry in list_styles()])
@pytest.mark.parametrize("size", ["as it is", "resized"])
def test_trained_styles_look_the_same(backend: str, precision: str, style: str, size: str) -> None:
    model = load_style_model(style)
    paint = ready(backend, precision, model)
    photo = read_picture(SAMPLES[0]).pixels[..., 30:190, 30:229].contiguous()
    if size == "resized":  # samples between the 8-bit levels, which half precision must not lose
        photo = resize_long_side(photo, 150)
    output = paint(photo)
    assert output.dtype == torch.float32
    assert output.min() >= 0
    assert output.max() <= 1
    assert psnr_db(output, model(photo)) >= LEAST_PSNR_DB[precision]


@pytest.mark.parametrize(("backend", "precision"), CHOICES)
def test_one_back_end_takes_every_size_and_number_of_images(
    backend: str, precision: str, model: StyleModel
) -> None:
    paint = ready(backend, precision, model)
    atol = 1e-4 if precision == "float32" else 0.15  # random weights: larger steps than trained
    for shape in [(1, 3, 64, 48), (2, 3, 37, 61), (1, 3, 64, 48), (3, 3, 17, 16), (1, 3, 5, 90)]:
        image = torch.rand(*shape, generator=torch.Generator().manual_seed(4))
        output = paint(image)
        assert output.shape == image.shape
        torch.testing.assert_close(output, model(image), rtol=0, atol=atol)


@pytest.mark.parametrize("backend", ["eager", "openvino", "onnx"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("size_hw", [(40, 31), (7, 1)], ids=str)
def test_the_papers_network_runs_everywhere(
    backend: str, norm: str, size_hw: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    config = StyleNetworkConfig(architecture="paper", width=0.125, norm=norm)
    network = build_style_network(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    model = StyleModel(name="paper", network=network, config=config)
    image = torch.rand(1, 3, *size_hw)
    output = ready(backend, "float32", model)(image)
    torch.testing.assert_close(output, model(image), rtol=0, atol=1e-4)


def test_inputs_that_are_not_contiguous_are_read_right(model: StyleModel) -> None:
    image = torch.rand(1, 24, 32, 3).permute(0, 3, 1, 2)
    for backend in ("eager", "openvino", "onnx"):
        output = ready(backend, "float32", model)(image)
        torch.testing.assert_close(output, model(image), rtol=0, atol=1e-4)


def test_a_compiled_network_gives_the_same_picture(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # traced as for any compiler, but run as it is: compiling takes half a minute
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    paint = ready("compile", "float32", model)
    for image in (torch.rand(1, 3, 33, 32), torch.rand(2, 3, 20, 48)):
        torch.testing.assert_close(paint(image), model(image), rtol=0, atol=1e-4)


def test_a_network_that_cannot_be_compiled_is_an_option_error(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(graph: object, inputs: object) -> None:  # noqa: ARG001
        raise FileNotFoundError("no such compiler: g++")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=failing))
    with pytest.raises(OptionError, match=r"cannot compile here .*C\+\+ compiler"):
        ready("compile", "float32", model)(torch.rand(1, 3, 32, 32))


def test_auto_is_the_measured_order_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with_amx(monkeypatch, True)
    without(monkeypatch=monkeypatch)
    assert choose("auto", "auto", CPU) == Choice(backend="openvino", precision="bfloat16")
    assert choose("auto", "float32", CPU) == Choice(backend="openvino", precision="float32")
    without("openvino", monkeypatch=monkeypatch)
    assert choose("auto", "auto", CPU) == Choice(backend="eager", precision="bfloat16")
    assert choose("auto", "float32", CPU) == Choice(backend="onnx", precision="float32")
    without("openvino", "onnxruntime", monkeypatch=monkeypatch)
    assert choose("auto", "float32", CPU) == Choice(backend="eager", precision="float32")


def test_without_matrix_units_auto_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    with_amx(monkeypatch, False)
    without("openvino", monkeypatch=monkeypatch)
    assert choose("auto", "auto", CPU) == Choice(backend="onnx", precision="float32")


def test_a_named_back_end_gets_a_precision_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with_amx(monkeypatch, True)
    without(monkeypatch=monkeypatch)
    assert choose("onnx", "auto", CPU) == Choice(backend="onnx", precision="float32")


@pytest.mark.parametrize(
    ("backend", "missing", "extra"),
    [
        ("openvino", "openvino", r"impasto\[openvino\]"),
        ("onnx", "onnxruntime", r"impasto\[onnx\]"),
    ],
)
def test_a_back_end_that_is_not_installed_names_its_extra(
    backend: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(missing, monkeypatch=monkeypatch)
    with pytest.raises(OptionError, match=f"needs {missing}, not installed here.*{extra}"):
        choose(backend, "auto", CPU)


def test_int8_is_openvinos(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch=monkeypatch)
    assert choose("auto", "int8", CPU) == Choice(backend="openvino", precision="int8")
    with pytest.raises(OptionError, match="'eager' on 'cpu' does not compute in 'int8'"):
        choose("eager", "int8", CPU)
    without("openvino", monkeypatch=monkeypatch)
    with pytest.raises(OptionError, match="needs openvino, not installed"):
        choose("auto", "int8", CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # the compiler's own
@pytest.mark.parametrize("backend", ["eager", "compile"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_gpus_give_the_same_picture(
    backend: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by default convolutions round to TensorFloat-32, each form of the network in its own way
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    model = load_style_model("starry-night").to("cuda")
    paint = make_backend(Choice(backend=backend, precision=precision), model, torch.device("cuda"))
    photo = read_picture(SAMPLES[0]).pixels[..., 30:190, 30:229].contiguous().cuda()
    for _ in range(3):  # CUDA graphs are recorded on the way
        output = paint(photo)
    assert psnr_db(output, model(photo)) >= LEAST_PSNR_DB.get(precision, 45.0)


def test_what_a_back_end_cannot_do_is_said_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch=monkeypatch)
    with pytest.raises(OptionError, match="no backend 'tensorrt'; choose from auto, eager"):
        choose("tensorrt", "auto", CPU)
    with pytest.raises(OptionError, match="no precision 'int4'; choose from auto, float32"):
        choose("auto", "int4", CPU)
    with pytest.raises(OptionError, match="'openvino' does not compute on 'cuda', only on cpu"):
        choose("openvino", "auto", torch.device("cuda"))
    with pytest.raises(OptionError, match="'onnx' on 'cpu' does not compute in 'bfloat16'"):
        choose("onnx", "bfloat16", CPU)
    with pytest.raises(OptionError, match="'eager' on 'cpu' does not compute in 'float16'"):
        choose("eager", "float16", CPU)


def test_large_images_in_half_precision_run_in_strips_with_the_same_result(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.rand(2, 3, 60, 44, generator=torch.Generator().manual_seed(6))
    paint = ready("eager", "bfloat16", model)
    whole = paint(image)
    monkeypatch.setattr(eager, "STRIPS_FROM_PIXELS", 60 * 44)
    monkeypatch.setattr(PlanNetwork, "forward", None)
    in_strips = paint(image)
    assert psnr_db(in_strips, model(image)) >= psnr_db(whole, model(image)) - 1


def test_large_images_in_float32_run_in_strips_too(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's own instance norm loses precision with the number of pixels."""
    image = torch.rand(1, 3, 60, 44, generator=torch.Generator().manual_seed(6))
    paint = ready("eager", "float32", model)
    monkeypatch.setattr(eager, "LONGEST_SUM", 60 * 44 - 1)
    monkeypatch.setattr(PlanNetwork, "forward", None)
    torch.testing.assert_close(paint(image), model(image), rtol=0, atol=1e-4)


def test_a_signal_after_openvinos_last_use_does_not_kill_the_process() -> None:
    pytest.importorskip("openvino")
    # pytest's own process has handlers of its own; a fresh one starts as the command line does
    code = (
        "import faulthandler, gc, signal, subprocess, sys, torch, impasto\n"
        "faulthandler.enable()\n"
        "signal.signal(signal.SIGCHLD, lambda *_: None)\n"
        "engine = impasto.Engine('udnie', backend='openvino')\n"
        "engine(torch.rand(1, 3, 64, 64))\n"
        "del engine; gc.collect()\n"
        "for _ in range(3): subprocess.run([sys.executable, '-c', ''], check=True)\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "alive", done.stderr
