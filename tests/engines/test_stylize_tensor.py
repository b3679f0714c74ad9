"""stylize_tensor: strength, colours, precision and refusals."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

import impasto.engines.stylize_tensor as engine
from impasto.errors import ImageError, ModelError, OptionError
from impasto.media import luma
from impasto.models import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.painting import stylize_tensor

IMAGE = torch.rand(1, 3, 36, 45, generator=torch.Generator().manual_seed(2))


def painted(model: StyleModel, **options: Any) -> Tensor:
    return stylize_tensor(model, IMAGE, **{"precision": "float32", **options})


def test_full_strength_is_what_the_model_gives(model: StyleModel) -> None:
    torch.testing.assert_close(painted(model), model(IMAGE), rtol=0, atol=1e-4)


def test_strength_0_is_the_image_exactly(model: StyleModel) -> None:
    output = painted(model, strength=0)
    assert torch.equal(output, IMAGE)
    assert output is not IMAGE  # the caller may write into it


def test_half_strength_is_half_way(model: StyleModel) -> None:
    middle = (IMAGE + painted(model)) / 2
    torch.testing.assert_close(painted(model, strength=0.5), middle)


def test_every_pixel_moves_steadily_with_strength(model: StyleModel) -> None:
    steps = [painted(model, strength=strength) for strength in (0, 0.2, 0.5, 0.9, 1)]
    direction = steps[-1] - steps[0]
    for before, after in pairwise(steps):
        assert ((after - before) * direction >= -1e-12).all()
        assert (after - before).abs().sum() > 1


def test_kept_colours_leave_the_painting_only_its_luma(model: StyleModel) -> None:
    gray = IMAGE.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    output = stylize_tensor(model, gray, keep_colors=True, precision="float32")
    torch.testing.assert_close(output[:, :1].expand_as(output), output, rtol=0, atol=1e-6)
    painting = stylize_tensor(model, gray, precision="float32")
    torch.testing.assert_close(luma(output), luma(painting), rtol=0, atol=1e-6)


def test_outputs_lie_in_0_to_1_and_need_no_gradient(model: StyleModel) -> None:
    output = stylize_tensor(model, IMAGE.clone().requires_grad_())
    assert output.min() >= 0
    assert output.max() <= 1
    assert output.dtype == torch.float32
    assert not output.requires_grad


def test_half_precision_images_are_taken(model: StyleModel) -> None:
    image = IMAGE.half()
    output = stylize_tensor(model, image, precision="float32")
    torch.testing.assert_close(output, model(image.float()), rtol=0, atol=1e-4)


def test_the_paper_network_is_painted_too() -> None:
    config = StyleNetworkConfig(architecture="paper", width=0.25)
    network = build_style_network(config).eval().requires_grad_(False)
    model = StyleModel(name="paper", network=network, config=config)
    output = stylize_tensor(model, IMAGE, precision="float32")
    torch.testing.assert_close(output, model(IMAGE), rtol=0, atol=1e-4)


def test_nan_in_bfloat16_is_painted_again_in_float32(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = engine.stylize_in_strips
    seen = []

    def overflowing(network: Any, image: Tensor, *, dtype: torch.dtype) -> Tensor:
        seen.append(dtype)
        output = genuine(network, image, dtype=dtype)
        return output * float("nan") if dtype == torch.bfloat16 else output

    monkeypatch.setattr(engine, "stylize_in_strips", overflowing)
    output = painted(model, precision="bfloat16")
    assert seen == [torch.bfloat16, torch.float32]
    torch.testing.assert_close(output, model(IMAGE), rtol=0, atol=1e-4)


def test_nan_in_float32_blames_the_model() -> None:
    config = StyleNetworkConfig(width=0.25)
    network = build_style_network(config).eval().requires_grad_(False)
    next(network.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="'broken' gives NaN"):
        stylize_tensor(StyleModel(name="broken", network=network, config=config), IMAGE)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), True, "1"])
def test_strengths_outside_0_to_1_are_refused(model: StyleModel, strength: Any) -> None:
    with pytest.raises(OptionError, match="strength"):
        painted(model, strength=strength)


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 4, 8, 8),
        torch.zeros(1, 3, 0, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.full((1, 3, 8, 8), 255.0),
        torch.full((1, 3, 8, 8), -1.0),
        torch.full((1, 3, 8, 8), float("nan")),
    ],
)
def test_images_that_are_none_are_refused(model: StyleModel, image: Tensor) -> None:
    with pytest.raises(ImageError, match="wanted"):
        stylize_tensor(model, image)


def test_rounding_outside_the_range_is_clamped_away(model: StyleModel) -> None:
    outside = IMAGE * 1.001 - 0.0005
    torch.testing.assert_close(
        stylize_tensor(model, outside, strength=0), outside.clamp(0, 1), rtol=0, atol=0
    )


def test_images_beyond_the_memory_given_are_refused_before_they_are_painted(
    model: StyleModel,
) -> None:
    with pytest.raises(OptionError, match="45 x 36 px needs about"):
        painted(model, max_memory_bytes=1000)


def test_running_out_of_memory_is_an_option_error(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(network: Any, image: Tensor, *, dtype: torch.dtype) -> Tensor:  # noqa: ARG001
        return torch.empty(2**60, dtype=torch.uint8) + image.sum()

    monkeypatch.setattr(engine, "stylize_in_strips", hungry)
    with pytest.raises(OptionError, match="not enough memory to paint 45 x 36 px"):
        stylize_tensor(model, IMAGE)
