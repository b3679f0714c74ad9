"""Where OpenVINO's own operations are not exact enough: pictures of millions of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("openvino")

from impasto.engines.backends import Choice, make_backend
from impasto.engines.stylize_tensor import stylize_in_strips
from impasto.machine.extras import openvino_core
from impasto.media import read_picture, resize_long_side
from impasto.models import list_styles, load_style_model
from impasto.plans import openvino_graph, plan
from impasto.plans.openvino_graph import openvino_model, rows_needed_from
from impasto.plans.plan import Floats, Plan
from impasto.plans.writer import mirror_positions

PHOTO = Path(__file__).parents[2] / "docs" / "sample" / "coffee.jpg"
CPU = torch.device("cpu")
LEAST_PSNR_DB = {"bfloat16": 45.0, "float32": 60.0}
EACH_CHANNEL = plan.Convolve(weight=np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), bias=None)
ITSELF = plan.Squash(sigmoid=False, scale=1.0, shift=0.0)


def result(steps: Plan, image: Floats, *, threads: int = 1, **options: Any) -> Floats:
    graph = openvino_model(steps, samples="levels", **options)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    request = openvino_core().compile_model(graph, "CPU", settings).create_infer_request()
    output: Floats = request.infer({0: image})[0]
    return output


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 40), (40, 17), (64, 48)])
@pytest.mark.parametrize(
    "step",
    [
        plan.Mirror(multiple=4, least=16, outer=4),
        plan.Mirror(multiple=2, least=16, outer=3),
        plan.Mirror(border=40, multiple=4, least=1),
        plan.Mirror(multiple=4, least=1),
    ],
    ids=str,
)
@pytest.mark.parametrize("fixed", [False, True])
def test_images_are_mirrored_as_numpy_does(
    step: plan.Mirror, size_hw: tuple[int, int], fixed: bool
) -> None:
    image = np.random.default_rng(0).random((1, 3, *size_hw), np.float32)
    rows, columns = (mirror_positions(size, step) for size in size_hw)
    # an input that is the graph's output would be refused, so there is a convolution behind it
    mirrored = result((step, EACH_CHANNEL, ITSELF), image, size_hw=size_hw if fixed else None)
    np.testing.assert_allclose(mirrored, image[:, :, rows][:, :, :, columns], atol=1e-6)


def test_many_samples_are_mirrored_on_many_threads() -> None:
    """OpenVINO's Gather takes wrong columns where a thread begins beyond 2**24.

    On a machine with one processor it has one thread, and nothing is to be seen.
    """
    image = np.zeros((1, 3, 3000, 4000), np.float32)
    image += np.arange(image.shape[-1], dtype=np.float32) / image.shape[-1]
    step = plan.Mirror(multiple=4, least=16, outer=4)
    mirrored = result((step, EACH_CHANNEL, ITSELF), image, threads=2)
    expected = np.pad(image[0, 0, 0], 4, mode="reflect")
    assert np.abs(mirrored - expected).max() < 1e-6


def test_norms_are_exact_over_millions_of_samples() -> None:
    generator = np.random.default_rng(0)
    image = generator.random((1, 3, 1500, 2500), np.float32)
    image += np.float32(2)
    weight, bias = np.full(3, 0.1, np.float32), np.full(3, 0.5, np.float32)
    norm = plan.Normalise(weight=weight, bias=bias, eps=1e-5)
    steps = (EACH_CHANNEL, norm, ITSELF)
    exact = image.astype(np.float64)
    mean, variance = exact.mean((2, 3), keepdims=True), exact.var((2, 3), keepdims=True)
    exact = 0.5 + 0.1 * (exact - mean) / np.sqrt(variance + 1e-5)
    by_rows = np.abs(result(steps, image) - exact).max()
    one_by_one = np.abs(result(steps, image, by_rows_from=2.0) - exact).max()
    assert by_rows < 2e-5
    assert one_by_one > 10 * by_rows  # else there would be no need


def test_rows_are_needed_where_maps_have_many_samples() -> None:
    assert rows_needed_from(2**21) > 1  # no map is larger than the picture
    assert rows_needed_from(2**21 + 1) == 1  # maps of the picture's own size
    assert rows_needed_from(2**23 + 1) == 0.5  # those of half of its sides, too
    assert rows_needed_from(2**25 + 1) == 0.25
    assert rows_needed_from(2**25 + 1, half=True) == 0.5


@pytest.mark.parametrize("precision", LEAST_PSNR_DB)
@pytest.mark.parametrize("quality", ["full", "fast"])
@pytest.mark.parametrize("style", [entry.name for entry in list_styles()])
@pytest.mark.parametrize("drawing", [False, True], ids=["photo", "drawing"])
def test_styles_look_the_same_by_rows(
    style: str, quality: str, precision: str, drawing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_graph, "LONGEST_SUM", 64)
    monkeypatch.setattr(openvino_graph, "LONGEST_SUM_OF_HALF", 64)
    model = load_style_model(style, quality)
    photo = resize_long_side(read_picture(PHOTO).pixels, 192)
    if drawing:  # nearly all of it is one colour: means far larger than deviations
        photo[:] = 1.0
        photo[..., 60:64, 20:100] = 0.0
    # 8-bit samples, as files have
    photo = (photo * 255).round() / 255
    painted = make_backend(Choice(backend="openvino", precision=precision), model, CPU)(photo)
    exact = stylize_in_strips(model.network, photo)
    psnr = float(-10 * torch.log10((painted - exact).square().mean()))
    assert psnr >= LEAST_PSNR_DB[precision]
