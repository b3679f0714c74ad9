"""The border that a picture is painted within, and that is cut off."""

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses import LossWeights, PerceptualLoss
from impasto.losses.regions import Region
from impasto.networks import LossNetwork
from impasto.optimization.canvas import Canvas
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.run import Pictures, optimize_image


@pytest.mark.parametrize("border", [0, 3, 30])
def test_a_canvas_is_the_picture_mirrored_beyond_its_edges(border: int) -> None:
    picture = torch.rand(1, 3, 12, 20)
    canvas = Canvas(size_hw=(12, 20), border=border)
    whole = canvas.extended(picture)
    sides = ((0, 0), (0, 0), (border, border), (border, border))
    assert np.array_equal(whole.numpy(), np.pad(picture.numpy(), sides, mode="reflect"))
    assert (whole.shape[2], whole.shape[3]) == canvas.whole_hw
    assert torch.equal(canvas.cut(whole), picture)


def test_of_a_smaller_stage_the_same_part_is_cut() -> None:
    canvas = Canvas(size_hw=(40, 60), border=10)
    assert tuple(canvas.cut(torch.rand(1, 3, 30, 40)).shape) == (1, 3, 20, 30)
    assert canvas.share == 60 / 80


def test_a_mask_goes_on_beyond_the_edges_too() -> None:
    mask = torch.zeros(1, 1, 8, 16)
    mask[..., 8:] = 1
    canvas = Canvas(size_hw=(4, 8), border=2)
    region = Region(style=torch.rand(1, 3, 8, 8), mask=mask)
    wide = canvas.extended_region(region).mask
    assert wide is not None
    assert torch.equal(wide[0, 0, 0], torch.tensor([0.0] * 6 + [1.0] * 6))
    assert tuple(wide.shape[-2:]) == canvas.whole_hw
    assert Canvas(size_hw=(4, 8), border=0).extended_region(region) is region


@pytest.mark.parametrize("border", [-1, 1.5, 10_000])
def test_borders_that_make_no_sense_are_refused(border: int) -> None:
    with pytest.raises(OptionError, match="`border`"):
        OptimizationConfig(border=border)


def test_the_objective_is_that_of_the_whole_canvas(
    photo: Tensor, painting: Tensor, tiny_loss_network: LossNetwork
) -> None:
    """In the mode paper it is PerceptualLoss', so the last canvas can be evaluated by it."""
    config = OptimizationConfig(
        mode="paper",
        border=6,
        iterations=3,
        precision="float32",
        content_layers=("relu1_2",),
        style_layers=("relu1_1", "relu1_2"),
    )
    canvases: list[Tensor] = []
    genuine = Canvas.cut

    def watched(self: Canvas, image: Tensor) -> Tensor:
        canvases.append(image)
        return genuine(self, image)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "cut", watched)
        found = optimize_image(
            config, Pictures(content=photo, styles=[painting]), loss_network=tiny_loss_network
        )
    height, width = photo.shape[-2:]
    assert found.image.shape == photo.shape
    assert tuple(canvases[-1].shape) == (1, 3, height + 12, width + 12)
    assert torch.equal(found.image, canvases[-1][..., 6:-6, 6:-6].contiguous())
    criterion = PerceptualLoss(
        tiny_loss_network,
        content_layers=("relu1_2",),
        style_layers=("relu1_1", "relu1_2"),
        weights=LossWeights(content=1, style=2, tv=5),
        relative=True,
    )
    wide = torch.nn.functional.pad(photo, (6,) * 4, mode="reflect")
    criterion.set_style(painting)  # smaller than the result, so shown as it is
    with torch.no_grad():
        assert float(criterion(canvases[-1], wide)) == pytest.approx(found.total, rel=1e-4)
