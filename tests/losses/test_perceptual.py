"""PerceptualLoss: its terms are the functions', its derivatives are right, its targets stay."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import OptionError, WeightsError
from impasto.losses import (
    LossWeights,
    PerceptualLoss,
    content_loss,
    gram_matrix,
    isotropic_tv,
    pixel_loss,
    squared_tv,
    style_loss,
)

ALL = LossWeights(content=1.5, style=3.0, tv=0.01, pixel=0.5)
STYLE_LAYERS = ["shallow", "deep"]


def images(*shape: int) -> Tensor:
    return torch.rand(shape, dtype=torch.float64)


def make(network: nn.Module, **options: Any) -> PerceptualLoss:
    options = {
        "content_layers": ["middle.1"],
        "style_layers": STYLE_LAYERS,
        "weights": ALL,
    } | options
    return PerceptualLoss(network, **options)


def test_absolute_terms_are_the_functions_summed_over_the_layers(tiny_network: Any) -> None:
    criterion = make(tiny_network, content_layers=["shallow", "middle.1"])
    output, target, style = images(2, 3, 6, 7), images(2, 3, 6, 7), images(1, 3, 9, 5)
    criterion.set_style(style)
    terms = criterion.terms(output, target)
    of_output, of_target, of_style = (
        tiny_network(x, ["shallow", "middle.1", "deep"]) for x in (output, target, style)
    )
    content = {k: content_loss(of_output[k], of_target[k]) for k in ("shallow", "middle.1")}
    style_losses = {k: style_loss(of_output[k], gram_matrix(of_style[k])) for k in STYLE_LAYERS}
    torch.testing.assert_close(terms.content_by_layer, content)
    torch.testing.assert_close(terms.style_by_layer, style_losses)
    torch.testing.assert_close(terms.content, sum(content.values()))
    torch.testing.assert_close(terms.style, sum(style_losses.values()))
    torch.testing.assert_close(terms.tv, squared_tv(output))
    torch.testing.assert_close(terms.pixel, pixel_loss(output, target))


def test_the_total_is_the_weighted_sum_of_the_terms(tiny_network: Any) -> None:
    criterion = make(tiny_network)
    criterion.set_style(images(1, 3, 5, 5))
    output, target = images(2, 2, 3, 6, 6).unbind()
    terms = criterion.terms(output, target)
    wanted = 1.5 * terms.content + 3.0 * terms.style + 0.01 * terms.tv + 0.5 * terms.pixel
    torch.testing.assert_close(criterion(output, target), wanted)


def test_layer_weights_multiply_the_layers(tiny_network: Any) -> None:
    criterion = make(
        tiny_network,
        content_layers={"shallow": 2.0, "deep": 0.25},
        style_layers={"middle.1": 4.0, "deep": 0.5},
    )
    criterion.set_style(images(1, 3, 5, 5))
    terms = criterion.terms(images(1, 3, 6, 6), images(1, 3, 6, 6))
    c, s = terms.content_by_layer, terms.style_by_layer
    torch.testing.assert_close(terms.content, 2 * c["shallow"] + 0.25 * c["deep"])
    torch.testing.assert_close(terms.style, 4 * s["middle.1"] + 0.5 * s["deep"])


def test_relative_terms_are_divided_by_the_targets_own_size(tiny_network: Any) -> None:
    criterion = make(tiny_network, relative=True)
    output, target, style = images(2, 3, 6, 6), images(2, 3, 6, 6), images(1, 3, 8, 4)
    criterion.set_style(style)
    terms = criterion.terms(output, target)
    f, p = (tiny_network(x, ["middle.1"])["middle.1"] for x in (output, target))
    by_item = (f - p).square().mean(dim=(1, 2, 3)) / p.square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(terms.content, by_item.mean())
    gram = gram_matrix(tiny_network(style, ["deep"])["deep"])
    absolute = style_loss(tiny_network(output, ["deep"])["deep"], gram)
    torch.testing.assert_close(terms.style_by_layer["deep"], absolute / gram.square().sum())
    torch.testing.assert_close(terms.tv, squared_tv(output, reduction="mean"))


class ScaledNetwork(nn.Module):
    """Another loss network's activations, 40 times as large."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.layer_names = network.layer_names

    def forward(self, image: Tensor, layers: Any) -> dict[str, Tensor]:
        return {k: 40 * v for k, v in self.network(image, layers).items()}


def test_relative_terms_do_not_depend_on_the_scale_of_the_loss_network(tiny_network: Any) -> None:
    output, target, style = images(1, 3, 6, 6), images(1, 3, 6, 6), images(1, 3, 8, 8)
    totals = []
    for network in (tiny_network, ScaledNetwork(tiny_network)):
        criterion = make(network, relative=True)
        criterion.set_style(style)
        totals.append(criterion(output, target))
    torch.testing.assert_close(*totals)


class EmptyNetwork(nn.Module):
    """Activations that a target leaves at zero."""

    layer_names = ("shallow", "middle.1", "deep")

    def forward(self, image: Tensor, layers: Any) -> dict[str, Tensor]:
        return {layer: (image - 0.5).relu() for layer in layers}


def test_an_empty_target_leaves_relative_terms_finite() -> None:
    criterion = make(EmptyNetwork(), relative=True)
    criterion.set_style(torch.zeros(1, 3, 4, 4))
    output = torch.ones(1, 3, 4, 4, requires_grad=True)
    terms = criterion.terms(output, torch.zeros(1, 3, 4, 4))
    assert terms.content.item() == pytest.approx(0.25)  # 0.5^2, undivided
    criterion.total(terms).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("tv", ["squared", "isotropic"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_whole_passes_gradcheck(
    tiny_network: Any, relative: bool, tv: Any, memory_format: torch.memory_format
) -> None:
    criterion = make(tiny_network, relative=relative, tv=tv, pixel="charbonnier")
    criterion.set_style([images(1, 3, 7, 5), images(1, 3, 6, 6)], [1.0, 3.0])
    target = images(2, 3, 6, 6)
    output = images(2, 3, 6, 6).contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: criterion(x, target), output)


def test_functional_transforms_give_the_same_gradient(tiny_network: Any) -> None:
    criterion = make(tiny_network, relative=True)
    output, target = images(2, 3, 9, 8), images(2, 3, 9, 8)
    criterion.set_style(images(1, 3, 7, 5))
    found = torch.func.grad(criterion)(output, target)
    output.requires_grad_()
    criterion(output, target).backward()
    torch.testing.assert_close(found, output.grad, rtol=0, atol=0)


def test_the_target_gets_no_gradient(tiny_network: Any) -> None:
    criterion = make(tiny_network, style_layers=(), weights=LossWeights(tv=0), relative=True)
    output, target = images(1, 3, 6, 6).requires_grad_(), images(1, 3, 6, 6).requires_grad_()
    criterion(output, target).backward()
    assert output.grad is not None
    assert target.grad is None


def test_content_and_pixel_are_zero_at_identity(tiny_network: Any) -> None:
    criterion = make(tiny_network, relative=True)
    output = images(2, 3, 6, 6)
    criterion.set_style(output[:1])
    terms = criterion.terms(output, output)
    assert (terms.content.item(), terms.pixel.item()) == (0.0, 0.0)
    assert criterion.terms(output[:1], output[:1]).style.item() < 1e-20


@pytest.mark.parametrize("relative", [False, True])
def test_a_batch_is_the_mean_of_its_items(tiny_network: Any, relative: bool) -> None:
    criterion = make(tiny_network, relative=relative)
    criterion.set_style(images(1, 3, 5, 8))
    outputs, targets = images(2, 3, 3, 6, 6).unbind()
    singles = [criterion(outputs[i : i + 1], targets[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(criterion(outputs, targets), torch.stack(singles).mean())


def test_several_styles_of_different_sizes_are_a_weighted_mean_of_grams(tiny_network: Any) -> None:
    criterion = make(tiny_network)
    styles = [images(1, 3, 5, 8), images(2, 3, 4, 4)]
    criterion.set_style(styles, [3.0, 1.0, 0.0])
    first, second = (
        gram_matrix(tiny_network(x, ["deep"])["deep"]) for x in (styles[0], styles[1][:1])
    )
    torch.testing.assert_close(criterion.style_target["deep"], 0.75 * first + 0.25 * second)
    criterion.set_style(torch.cat([styles[1], styles[1]]))
    equal = gram_matrix(tiny_network(styles[1], ["deep"])["deep"]).mean(dim=0, keepdim=True)
    torch.testing.assert_close(criterion.style_target["deep"], equal)


def test_the_network_runs_once_for_the_output_and_no_deeper_than_content_for_the_target(
    tiny_network: Any,
) -> None:
    criterion = make(tiny_network, content_layers=["shallow"], style_layers=["shallow", "deep"])
    criterion.set_style(images(1, 3, 5, 5))
    tiny_network.calls.clear()
    criterion(images(1, 3, 6, 6), images(1, 3, 6, 6))
    assert sorted(tiny_network.calls) == [("shallow",), ("shallow", "deep")]


def test_terms_without_weight_are_zero_and_cost_nothing(tiny_network: Any) -> None:
    weights = LossWeights(content=0, style=0, tv=0, pixel=1)
    criterion = make(tiny_network, weights=weights)
    output, target = images(1, 3, 6, 6), images(1, 3, 6, 6)
    terms = criterion.terms(output, target)
    assert not tiny_network.calls
    assert (terms.content.item(), terms.style.item(), terms.tv.item()) == (0, 0, 0)
    torch.testing.assert_close(criterion(output, target), pixel_loss(output, target))


def test_texture_alone_needs_no_target(tiny_network: Any) -> None:
    criterion = make(tiny_network, weights=LossWeights(content=0, tv=0))
    criterion.set_style(images(1, 3, 8, 8))
    assert criterion(images(1, 3, 6, 6)).item() > 0


def test_a_content_target_is_kept_for_calls_without_one(tiny_network: Any) -> None:
    criterion = make(tiny_network, style_layers=())
    output, target = images(3, 3, 6, 6), images(1, 3, 6, 6)
    criterion.set_content(target)
    tiny_network.calls.clear()
    torch.testing.assert_close(criterion(output), criterion(output, target.expand_as(output)))
    assert len(tiny_network.calls) == 3  # one for the kept target, two for the given one


def test_charbonnier_pixels_and_isotropic_variation_can_be_chosen(tiny_network: Any) -> None:
    criterion = make(tiny_network, style_layers=(), tv="isotropic", pixel="charbonnier")
    output, target = images(2, 1, 3, 6, 6).unbind()
    terms = criterion.terms(output, target)
    torch.testing.assert_close(terms.tv, isotropic_tv(output))
    torch.testing.assert_close(terms.pixel, pixel_loss(output, target, kind="charbonnier"))


@pytest.mark.parametrize("relative", [False, True])
def test_autocast_gives_float32_terms_close_to_those_without(
    tiny_network: Any, relative: bool
) -> None:
    criterion = make(tiny_network.float(), relative=relative)
    criterion.set_style(images(1, 3, 16, 16).float() ** 4)
    output, target = images(2, 2, 3, 32, 32).float().unbind()
    output = output.contiguous(memory_format=torch.channels_last).requires_grad_()
    wanted = criterion(output, target)
    (gradient,) = torch.autograd.grad(wanted, output)
    with torch.autocast("cpu", torch.bfloat16):
        loss = criterion(output, target)
    (half_gradient,) = torch.autograd.grad(loss, output)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, wanted, rtol=0.02, atol=0)
    assert ((half_gradient - gradient).norm() / gradient.norm()).item() < 0.1


def test_autocast_loses_nothing_but_in_the_network(tiny_network: Any) -> None:
    criterion = make(tiny_network.float(), weights=LossWeights(tv=0))
    criterion.set_style(images(1, 3, 16, 16).float())
    output, target = images(2, 2, 3, 32, 32).float().unbind()
    output.requires_grad_()
    (gradient,) = torch.autograd.grad(criterion(output, target), output)
    with torch.autocast("cpu", torch.bfloat16):
        loss = criterion(output, target)
        f, p = (tiny_network(x, tiny_network.layer_names) for x in (output, target))
    assert f["deep"].dtype == torch.bfloat16
    exact = content_loss(f["middle.1"].double(), p["middle.1"].double()) + 5 * sum(
        style_loss(f[layer].double(), criterion.style_target[layer].double())
        for layer in STYLE_LAYERS
    )
    torch.testing.assert_close(loss.double(), exact, rtol=1e-4, atol=0)
    (ours,), (best,) = (torch.autograd.grad(x, output) for x in (loss, exact))
    assert (ours - gradient).norm() < 1.1 * (best - gradient).norm()


# Dynamo itself instantiates every autograd function that it traces.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_it_compiles_without_a_graph_break(tiny_network: Any) -> None:
    criterion = make(tiny_network.float(), relative=True)
    criterion.set_style(images(1, 3, 8, 8).float())
    output, target = images(2, 2, 3, 8, 8).float().unbind()
    output.requires_grad_()
    compiled = torch.compile(criterion, backend="aot_eager", fullgraph=True)
    gradients = []
    for function in (criterion, compiled):
        with torch.autocast("cpu", torch.bfloat16):
            loss = function(output, target)
        gradients.append(torch.autograd.grad(loss, output)[0])
    torch.testing.assert_close(*gradients, rtol=0.02, atol=1e-5)


def test_style_targets_are_float32_though_set_under_autocast(tiny_network: Any) -> None:
    criterion = make(tiny_network.float())
    style = images(1, 3, 16, 16).float()
    criterion.set_style(style)
    wanted = criterion.style_target["deep"]
    with torch.autocast("cpu", torch.bfloat16):
        criterion.set_style(style)
    assert torch.equal(criterion.style_target["deep"], wanted)


def test_targets_made_in_inference_mode_can_be_trained_with(tiny_network: Any) -> None:
    criterion = make(tiny_network, relative=True)
    with torch.inference_mode():
        criterion.set_style(images(1, 3, 5, 5))
        criterion.set_content(images(1, 3, 6, 6))
    output = images(1, 3, 6, 6).requires_grad_()
    criterion(output).backward()
    assert output.grad is not None


def test_targets_are_not_saved_but_move_copy_and_pickle(tiny_network: Any) -> None:
    criterion = make(tiny_network)
    criterion.set_style(images(1, 3, 5, 5))
    criterion.set_content(images(1, 3, 6, 6))
    output = images(1, 3, 6, 6)
    assert set(criterion.state_dict()) == {
        f"loss_network.{name}" for name in tiny_network.state_dict()
    }
    for twin in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        torch.testing.assert_close(twin(output), criterion(output))
    moved = criterion.to("meta")
    assert {target.device.type for target in moved.style_target.values()} == {"meta"}


def test_setting_a_style_again_replaces_it(tiny_network: Any) -> None:
    criterion = make(tiny_network)
    criterion.set_style(images(1, 3, 5, 5))
    second = images(1, 3, 7, 7)
    criterion.set_style(second)
    wanted = gram_matrix(tiny_network(second, ["deep"])["deep"])
    torch.testing.assert_close(criterion.style_target["deep"], wanted)


def test_the_loss_network_is_frozen_and_stays_in_eval_mode(tiny_network: Any) -> None:
    criterion = make(tiny_network.train()).train()
    assert criterion.training
    assert not tiny_network.training
    assert not any(p.requires_grad for p in criterion.parameters())


def test_a_training_step_in_a_foreign_loop_lowers_the_loss(tiny_network: Any) -> None:
    criterion = make(tiny_network, relative=True)
    criterion.set_style(images(1, 3, 9, 9))
    network = nn.Conv2d(3, 3, 3, padding=1).double()
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    photo = images(2, 3, 8, 8)
    losses = []
    for _ in range(20):
        loss = criterion(network(photo), photo)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_style_layers_without_a_style_are_an_error_that_says_what_to_do(tiny_network: Any) -> None:
    with pytest.raises(OptionError, match="call set_style"):
        make(tiny_network)(images(1, 3, 6, 6), images(1, 3, 6, 6))


def test_a_missing_target_is_an_error_that_says_what_to_do(tiny_network: Any) -> None:
    with pytest.raises(OptionError, match="call set_content"):
        make(tiny_network, style_layers=())(images(1, 3, 6, 6))


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        ((1, 3, 6, 6), (1, 3, 6, 7), "same shape"),
        ((2, 3, 6, 6), (3, 3, 6, 6), "same shape"),
        ((1, 4, 6, 6), (1, 4, 6, 6), r"wanted \(N, 3, H, W\)"),
        ((3, 6, 6), (3, 6, 6), r"\(N, C, H, W\)"),
        ((0, 3, 6, 6), (0, 3, 6, 6), "empty"),
    ],
)
def test_wrong_shapes_are_refused(
    tiny_network: Any, output: tuple[int, ...], target: tuple[int, ...], message: str
) -> None:
    criterion = make(tiny_network, style_layers=())
    with pytest.raises(OptionError, match=message):
        criterion(images(*output), images(*target))


def test_bytes_are_refused(tiny_network: Any) -> None:
    pixels = torch.zeros(1, 3, 6, 6, dtype=torch.uint8)
    with pytest.raises(OptionError, match="floating-point"):
        make(tiny_network, style_layers=())(pixels, pixels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content_layers": ["relu9_9"]}, "no layer 'relu9_9'"),
        ({"style_layers": ["relu9_9"]}, "no layer 'relu9_9'"),
        ({"content_layers": "deep"}, "wanted a sequence"),
        ({"style_layers": ["deep", "deep"]}, "each layer once"),
        ({"style_layers": {"deep": -1.0}}, "weight of style layer 'deep'"),
        ({"tv": "cubic"}, "tv 'cubic'"),
        ({"pixel": "l3"}, "pixel 'l3'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tiny_network: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        make(tiny_network, **options)


@pytest.mark.parametrize(
    ("styles", "weights"),
    [
        ([], None),
        ([(1, 3, 4, 4)], [1.0, 2.0]),
        ([(1, 3, 4, 4)], [0.0]),
        ([(1, 3, 4, 4)], [-1.0]),
        ([(1, 1, 4, 4)], None),
    ],
)
def test_style_images_and_weights_that_do_not_fit_are_refused(
    tiny_network: Any, styles: list[tuple[int, ...]], weights: list[float] | None
) -> None:
    with pytest.raises(OptionError, match="style image"):
        make(tiny_network).set_style([images(*shape) for shape in styles], weights)


def test_a_style_for_a_loss_without_style_layers_is_refused(tiny_network: Any) -> None:
    with pytest.raises(OptionError, match="no style_layers"):
        make(tiny_network, style_layers=()).set_style(images(1, 3, 4, 4))


def test_absolute_content_is_the_mean_absolute_difference_of_features() -> None:
    network = _absolute_network()
    output, target = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    weights = LossWeights(content=1, style=0, tv=0)
    for relative in (False, True):
        criterion = PerceptualLoss(
            network,
            content_layers=["relu"],
            weights=weights,
            relative=relative,
            content="absolute",
        )
        wanted = (output - target).abs().mean(dim=(1, 2, 3))
        if relative:
            wanted = wanted / target.abs().mean(dim=(1, 2, 3))
        assert float(criterion(output, target)) == pytest.approx(float(wanted.mean()), rel=1e-6)


def test_an_unknown_kind_of_content_is_refused() -> None:
    with pytest.raises(OptionError, match="cubed"):
        PerceptualLoss(_absolute_network(), content_layers=["relu"], content="cubed")  # type: ignore[arg-type]


def _absolute_network() -> torch.nn.Module:
    class Identity(torch.nn.Module):
        layer_names = ("relu",)

        def forward(self, image: torch.Tensor, layers: list[str]) -> dict[str, torch.Tensor]:
            return dict.fromkeys(layers, image)

    return Identity()


@pytest.mark.parametrize("network", [16, None])
def test_what_is_no_network_is_refused(network: Any) -> None:
    with pytest.raises(OptionError, match="for a loss network; wanted a name, a file or a module"):
        PerceptualLoss(network)


def test_a_loss_network_can_be_given_by_name(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(shared_data))
    criterion = PerceptualLoss("vgg19-distilled", content_layers=["relu2_1"])
    assert criterion(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)).item() > 0
    with pytest.raises(WeightsError, match="no loss network and no file 'vgg99'"):
        PerceptualLoss("vgg99")


def test_what_is_no_tensor_and_styles_with_nan_are_refused(tiny_network: Any) -> None:
    criterion = make(tiny_network)
    with pytest.raises(OptionError, match="an output of type NoneType; wanted a tensor"):
        criterion(None, images(1, 3, 6, 6))
    with pytest.raises(OptionError, match="NaN"):
        criterion.set_style(torch.full((1, 3, 16, 16), torch.nan))
