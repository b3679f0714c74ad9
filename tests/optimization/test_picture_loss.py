"""The objective that works in strips and regions against the losses that it is made of."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.events import Event, OnEvent, ignore
from impasto.losses import (
    LossWeights,
    PerceptualLoss,
    gram_matrix,
)
from impasto.losses.regions import Region, layer_sizes, reduced
from impasto.losses.strips import Strips, sums_in_strips, whole_features
from impasto.losses.terms import ContentTerm, StyleTerm
from impasto.networks import LossNetwork
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.memory import network_cost
from impasto.optimization.modes import StagePlan
from impasto.optimization.objective import PictureLoss, PixelObjective
from impasto.optimization.run import Optimization, Pictures

CPU = torch.device("cpu")


def set_up(
    network: LossNetwork,
    photo: Tensor,
    regions: Sequence[Region],
    on_event: OnEvent = ignore,
    **options: Any,
) -> Optimization:
    """An optimisation without a border at the photo's own size."""
    pictures = Pictures(
        content=photo,
        styles=[region.style for region in regions],
        masks=[region.mask for region in regions if region.mask is not None],
        style_masks=[region.style_mask for region in regions],
    )
    weights = tuple(region.weight for region in regions)
    config = OptimizationConfig(
        border=0, precision="float32", style_image_weights=weights, **options
    )
    return Optimization(config, pictures, on_event, loss_network=network)


def stage_loss(
    network: LossNetwork, photo: Tensor, regions: Sequence[Region], **options: Any
) -> PictureLoss:
    work = set_up(network, photo, regions, **options)
    size_hw = (photo.shape[2], photo.shape[3])
    return work.loss(StagePlan(size_hw=size_hw, iterations=1))


LAYERS: dict[str, Any] = {
    "content_layers": {"relu2_1": 0.5, "relu3_1": 1.0},
    "style_layers": {"relu1_2": 1.0, "relu2_1": 2.0},
}
START = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("relative", [True, False])
def test_the_papers_mode_is_the_perceptual_loss_of_training(
    tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor, relative: bool
) -> None:
    weights = LossWeights(content=1.5, style=3.0, tv=0.7)
    criterion = PerceptualLoss(tiny_loss_network, weights=weights, relative=relative, **LAYERS)
    scaled = torch.nn.functional.interpolate(painting, (39, 48), mode="bicubic", antialias=True)
    scaled = scaled.clamp(0, 1)
    criterion.set_style(scaled)
    criterion.set_content(photo)
    expected = PixelObjective(criterion)
    ours = PixelObjective(
        stage_loss(
            tiny_loss_network,
            photo,
            [Region(style=scaled)],
            mode="paper",
            relative=relative,
            content_weight=1.5,
            style_weight=3.0,
            tv_weight=0.7,
            **LAYERS,
        )
    )
    value, gradient = ours(START)
    expected_value, expected_gradient = expected(START)
    assert value == pytest.approx(expected_value, rel=1e-5)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
    assert ours.terms == pytest.approx(expected.terms, rel=1e-5)


def test_the_mode_gatys_is_alpha_content_plus_beta_style(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    style = START.flip(-1)
    loss = stage_loss(
        tiny_loss_network,
        photo,
        [Region(style=style)],
        mode="gatys",
        content_weight=0.3,
        style_weight=20.0,
        content_layers={"relu3_1": 1.0},
        style_layers={"relu1_1": 0.2, "relu2_1": 0.7},
    )
    layers = ["relu1_1", "relu2_1", "relu3_1"]
    painted, content, paint = (tiny_loss_network(x, layers) for x in (START, photo, style))
    style_layers = {"relu1_1": 0.2, "relu2_1": 0.7}
    expected = 0.3 / 2 * (painted["relu3_1"] - content["relu3_1"]).square().sum()
    for layer, weight in style_layers.items():
        _, channels, height, width = painted[layer].shape
        ours, theirs = (x[layer][0].flatten(1) for x in (painted, paint))
        distance = (ours @ ours.T - theirs @ theirs.T).square().sum()
        expected += 20 * weight * distance / (4 * channels**2 * (height * width) ** 2)
    terms = loss.terms(START)
    assert float(loss.total(terms)) == pytest.approx(float(expected), rel=1e-5)
    assert float(terms.tv) == 0


def test_gatys_content_at_an_absent_layer_takes_the_nearest_and_says_so(
    tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor
) -> None:
    events: list[Event] = []
    region = Region(style=painting)
    work = set_up(tiny_loss_network, photo, [region], events.append, mode="gatys")
    assert work.content_layers == {"relu3_1": 1.0}
    assert sum(work.style_layers.values()) == pytest.approx(1.0)
    told = " ".join(getattr(event, "message", "") for event in events)
    assert "no relu4_2" in told
    assert "relu3_1" in told
    assert "beta" in told


def test_strips_give_the_value_and_gradient_of_the_whole_image(
    tiny_loss_network: LossNetwork,
) -> None:
    network = tiny_loss_network
    image = torch.rand(1, 3, 210, 33, generator=torch.Generator().manual_seed(1))
    target = network(image.flip(2), ["relu3_1"])["relu3_1"]
    guide = torch.rand(1, 1, 105, 16, generator=torch.Generator().manual_seed(2))
    gram = torch.zeros(1, 1, 1)
    terms = [
        ContentTerm("relu3_1", target),
        StyleTerm("relu1_2", gram, positions=210 * 33),
        StyleTerm("relu2_1", gram, positions=7.0, guide=guide),
    ]
    cost = network_cost(network, ["relu3_1", "relu1_2", "relu2_1"], torch.float32, CPU)
    assert cost.reach_px == 32
    results = []
    for rows in (None, 32, 96):
        leaf = image.clone().requires_grad_(True)
        if rows is None:
            features = network(leaf, [term.layer for term in terms])
            found = tuple(term.sums(features[term.layer]) for term in terms)
        else:
            found = sums_in_strips(network, leaf, terms, Strips(rows, cost.reach_px))
        total = sum((each.square().sum() for each in found), start=torch.zeros(()))
        (gradient,) = torch.autograd.grad(total, leaf)
        results.append((total.detach(), gradient))
    for total, gradient in results[1:]:
        torch.testing.assert_close(total, results[0][0], rtol=1e-5, atol=0)
        torch.testing.assert_close(gradient, results[0][1], rtol=1e-3, atol=1e-6)


def test_features_for_targets_are_the_same_in_strips(tiny_loss_network: LossNetwork) -> None:
    image = torch.rand(1, 3, 167, 20, generator=torch.Generator().manual_seed(1))
    layers = ["relu1_2", "relu3_1"]
    whole = tiny_loss_network(image, layers)
    parts = whole_features(tiny_loss_network, image, layers, Strips(64, 32))
    for layer, features in parts.items():
        torch.testing.assert_close(features, whole[layer], rtol=1e-5, atol=1e-6)


def test_strips_cover_every_row_once_and_a_narrow_rest_joins_its_neighbour() -> None:
    strips = list(Strips(64, 32).of(200))
    assert [(s.top, s.bottom) for s in strips] == [(0, 64), (64, 128), (128, 200)]
    assert [(s.above, s.below) for s in strips] == [(0, 96), (32, 160), (96, 200)]
    assert [s.last for s in strips] == [False, False, True]


def test_a_layers_shape_is_told_from_narrow_parts(tiny_loss_network: LossNetwork) -> None:
    image = torch.rand(1, 3, 131, 77)
    sizes = layer_sizes(tiny_loss_network, image, tiny_loss_network.layer_names)
    for layer, (channels, size_hw) in sizes.items():
        features = tiny_loss_network(image, [layer])[layer]
        assert (1, channels, *size_hw) == tuple(features.shape)


def test_a_masked_region_is_compared_by_its_own_gram_matrix(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    """The left half of the photo painted as the right half of the painting is."""
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1
    painting = START
    region = Region(style=painting, mask=left, style_mask=left.flip(-1))
    loss = stage_loss(
        tiny_loss_network, photo, [region], content_weight=0, tv_weight=0, style_weight=1,
        style_layers={"relu1_1": 1.0},
    )  # fmt: skip
    terms = loss.terms(photo).named()
    ours = gram_matrix(tiny_loss_network(photo, ["relu1_1"])["relu1_1"][..., :24])
    wanted = gram_matrix(tiny_loss_network(painting, ["relu1_1"])["relu1_1"][..., 24:])
    expected = (ours - wanted).square().sum() / wanted.square().sum()
    assert float(terms["style relu1_1"]) == pytest.approx(float(expected), rel=1e-4)


def test_several_styles_without_masks_make_one_mean_target(
    tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor
) -> None:
    regions = [Region(style=START, weight=3.0), Region(style=START.flip(1), weight=1.0)]
    loss = stage_loss(
        tiny_loss_network, photo, regions, mode="paper", relative=False, content_weight=0,
        tv_weight=0, style_layers={"relu2_1": 1.0},
    )  # fmt: skip
    grams = [gram_matrix(tiny_loss_network(r.style, ["relu2_1"])["relu2_1"]) for r in regions]
    wanted = 0.75 * grams[0] + 0.25 * grams[1]
    ours = gram_matrix(tiny_loss_network(painting, ["relu2_1"])["relu2_1"])
    terms = loss.terms(torch.nn.functional.pad(painting, (0, 4, 0, 4)))
    assert len(loss.wanted) == 1
    torch.testing.assert_close(loss.wanted[0].target, wanted, rtol=1e-4, atol=1e-7)
    assert ours.shape == wanted.shape
    assert float(terms.style) > 0


def test_a_mask_is_reduced_to_mean_coverage() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]]).reshape(1, 1, 2, 4)
    assert reduced(mask, (1, 2)).flatten().tolist() == [0.75, 0.25]
    assert torch.equal(reduced(mask, (2, 4)), mask)
