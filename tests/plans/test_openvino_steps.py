"""Plans in OpenVINO's steps: where they differ from the plan, and that int8 is near it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.engines.backends import Choice, make_backend
from impasto.engines.engine import Engine
from impasto.media import read_picture
from impasto.models import StyleModel, list_styles, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans import bounds, plan
from impasto.plans.openvino_steps import (
    RANGE_DEVIATIONS,
    EnlargeMirrored,
    Quantise,
    QuantisedConvolve,
    quantised,
    with_mirrored_borders,
)
from impasto.plans.rewrite import rewrite

SAMPLES = sorted((Path(__file__).parents[2] / "docs" / "sample").glob("*.jpg"))
CPU = torch.device("cpu")


def psnr_db(output: Tensor, reference: Tensor) -> float:
    return float(-10 * torch.log10((output - reference).square().mean()))


def every_step(steps: plan.Plan) -> Iterator[plan.Step]:
    for step in steps:
        yield step
        if isinstance(step, plan.Residual):
            yield from every_step(step.body)


def test_enlarging_and_its_border_are_one_step(model: StyleModel) -> None:
    steps = rewrite(model.network, subpixel=False)
    merged = with_mirrored_borders(steps)
    assert len(merged) == len(steps) - 2
    assert sum(isinstance(step, EnlargeMirrored) for step in merged) == 2
    assert not any(isinstance(step, plan.Enlarge) for step in merged)


def test_convolutions_after_a_norm_and_a_relu_are_quantised(model: StyleModel) -> None:
    steps = list(every_step(quantised(rewrite(model.network, subpixel=False))))
    kernels = [step for step in steps if isinstance(step, plan.Convolve)]
    # the two that make the map smaller, the first of the first block and the second of each, and
    # the second that makes it larger; not those that read residual sums, nor first and last
    inner = [isinstance(step, QuantisedConvolve) for step in kernels]
    assert inner == [False, True, True, True, True, *[False, True] * 4, False, True, False]
    assert sum(isinstance(step, Quantise) for step in steps) == sum(inner)


def test_a_range_ends_so_many_deviations_above_the_mean() -> None:
    norm = plan.Normalise(
        weight=np.array([1.0, -2.0], np.float32), bias=np.array([5.0, 1.0], np.float32), eps=1e-5
    )
    kernel = plan.Convolve(weight=np.ones((3, 2, 3, 3), np.float32))
    border = plan.Pad(before=1, after=1, mode="reflect")
    made = quantised((norm, plan.Relu(), plan.Enlarge(), border, kernel))
    assert made[2] == Quantise(top=max(RANGE_DEVIATIONS + 5, 2 * RANGE_DEVIATIONS + 1))
    assert made[3:5] == (plan.Enlarge(), border)
    assert isinstance(made[5], QuantisedConvolve)
    assert quantised((norm, border, kernel)) == (norm, border, kernel)  # may be negative


def test_a_kernel_of_zeros_has_a_scale_all_the_same() -> None:
    kernel = QuantisedConvolve(weight=np.zeros((2, 1, 3, 3), np.float32))
    assert (kernel.ends() > 0).all()


@pytest.mark.parametrize("style", [entry.name for entry in list_styles()])
def test_trained_styles_keep_35_db_in_int8(style: str) -> None:
    pytest.importorskip("openvino")
    if "linux" in sys.platform and "vnni" not in Path("/proc/cpuinfo").read_text("utf-8"):
        pytest.skip("this processor has no VNNI, which int8 needs to come this near")
    model = load_style_model(style)
    paint = make_backend(Choice(backend="openvino", precision="int8"), model, CPU)
    for sample, place in zip(SAMPLES, [(30, 30), (60, 100), (90, 60)], strict=True):
        top, left = place
        photo = read_picture(sample).pixels[..., top : top + 160, left : left + 199].contiguous()
        assert psnr_db(paint(photo), model(photo)) >= 35


def test_int8_tells_when_a_picture_does_not_suit_it() -> None:
    pytest.importorskip("openvino")
    notices: list[str] = []
    engine = Engine("udnie", device="cpu", precision="int8", border=0, on_notice=notices.append)
    assert (engine.backend, engine.precision) == ("openvino", "int8")
    dot = torch.zeros(1, 3, 96, 96)
    dot[..., 40, 50] = 1
    assert psnr_db(engine(dot), engine.model(dot)) >= 45
    assert notices == ["this picture does not suit int8; painted in bfloat16"]


@pytest.mark.parametrize("style", ["starry-night", "udnie"])
def test_faint_and_smooth_images_are_painted_as_well_as_photos(style: str) -> None:
    pytest.importorskip("openvino")
    model = load_style_model(style)
    ramp = (torch.linspace(0, 255, 200).round() / 255).expand(1, 3, 120, 200).contiguous()
    strip = read_picture(SAMPLES[1]).pixels[..., 20:270, 30:31].contiguous()
    for backend in ("openvino", "eager"):
        paint = make_backend(Choice(backend=backend, precision="bfloat16"), model, CPU)
        for image in (ramp, strip, strip[..., :3, :]):
            assert psnr_db(paint(image), model(image)) >= 45


def test_a_constant_is_ignored_by_networks_with_mirrored_borders_only() -> None:
    assert bounds.ignores_constants(rewrite(build_style_network(StyleNetworkConfig(width=0.125))))
    paper = StyleNetworkConfig(architecture="paper", width=0.125)
    assert not bounds.ignores_constants(rewrite(build_style_network(paper).eval()))
