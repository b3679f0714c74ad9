"""What every loss network promises: names, freezing, gradients, precision, compilation."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.networks.loss.architectures import plan_network
from impasto.networks.loss.network import LossNetwork, Provenance, Stage, StagedLossNetwork
from impasto.networks.loss.vgg import fold_preprocessing
from impasto.networks.loss.weight_file import WeightFile
from impasto.networks.padding import pad_border

RandomFile = Callable[..., WeightFile]
PROVENANCE = Provenance(
    name="test", weights_hash="abc", source="here", license="MIT", redistributable=True
)


def build(file: WeightFile) -> StagedLossNetwork:
    plan = plan_network(file, family="torchvision")
    return StagedLossNetwork(plan.stages, plan.mean, PROVENANCE)


@pytest.fixture(scope="module")
def vgg(random_file: RandomFile) -> StagedLossNetwork:
    return build(random_file("vgg16", until="features.14"))


@pytest.fixture(scope="module")
def distilled(random_file: RandomFile) -> StagedLossNetwork:
    return build(random_file("vgg19-distilled"))


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(1))


def relative_error(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach().float(), expected.detach().float()
    return float((found - expected).norm() / expected.norm())


def test_layers_come_in_the_order_asked(vgg: LossNetwork, image: Tensor) -> None:
    asked = ["relu3_1", "relu1_2", "relu2_2"]
    found = vgg(image, asked)
    assert list(found) == asked
    assert [tuple(value.shape) for value in found.values()] == [
        (2, 256, 8, 6),
        (2, 64, 32, 24),
        (2, 128, 16, 12),
    ]


def test_layer_names_end_where_the_weights_end(vgg: LossNetwork) -> None:
    assert vgg.layer_names == (
        "relu1_1",
        "relu1_2",
        "relu2_1",
        "relu2_2",
        "relu3_1",
        "relu3_2",
        "relu3_3",
    )


def test_activations_are_taken_after_the_relu(vgg: LossNetwork, image: Tensor) -> None:
    for layer, features in vgg(image, vgg.layer_names).items():
        assert float(features.min()) == 0, layer
        assert 0.2 < float((features == 0).float().mean()) < 0.8, layer


def test_a_deeper_layer_does_not_overwrite_a_shallow_one(
    vgg: LossNetwork, distilled: LossNetwork, image: Tensor
) -> None:
    for network in (vgg, distilled):
        together = network(image, network.layer_names)
        for layer in network.layer_names:
            assert torch.equal(together[layer], network(image, [layer])[layer])


def test_the_image_is_not_changed(vgg: LossNetwork, image: Tensor) -> None:
    before = image.clone()
    vgg(image, ["relu1_1"])
    assert torch.equal(image, before)


def test_nothing_is_computed_past_the_deepest_layer(image: Tensor) -> None:
    ran: list[int] = []

    class Counted(torch.nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def forward(self, features: Tensor) -> Tensor:
            ran.append(self.number)
            return features + 1

    stages = [
        Stage(Counted(1), "relu1_1"),
        Stage(Counted(2)),
        Stage(Counted(3), "relu2_1", head=Counted(30)),
        Stage(Counted(4), "relu3_1"),
    ]
    network = StagedLossNetwork(stages, (0.0, 0.0, 0.0), PROVENANCE)
    network(image, ["relu1_1"])
    assert ran == [1]
    ran.clear()
    network(image, ["relu2_1", "relu1_1"])
    assert ran == [1, 2, 3, 30]
    ran.clear()
    network(image, ["relu3_1"])
    assert ran == [1, 2, 3, 4]  # an unasked head is not computed either
    ran.clear()
    assert network(image, []) == {}
    assert ran == []


def test_an_unknown_layer_is_answered_with_the_known_ones(vgg: LossNetwork, image: Tensor) -> None:
    with pytest.raises(KeyError, match=r"no layer 'relu4_3'.*relu1_1.*relu3_3"):
        vgg(image, ["relu1_1", "relu4_3"])


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 4, 32, 32)])
def test_an_image_of_another_shape_is_refused(vgg: LossNetwork, shape: Sequence[int]) -> None:
    with pytest.raises(OptionError, match=r"takes \(N, 3, H, W\)"):
        vgg(torch.zeros(*shape), ["relu1_1"])


def test_an_image_too_small_for_a_layer_is_refused_with_a_reason(vgg: LossNetwork) -> None:
    tiny = torch.rand(1, 3, 1, 5)
    assert vgg(tiny, ["relu1_2"])["relu1_2"].shape == (1, 64, 1, 5)
    with pytest.raises(OptionError, match="too small for the layers asked for"):
        vgg(tiny, ["relu2_1"])


def test_a_single_pixel_passes_the_reflecting_network(distilled: LossNetwork) -> None:
    assert distilled(torch.rand(1, 3, 1, 1), ["relu1_1"])["relu1_1"].shape == (1, 64, 1, 1)
    assert distilled(torch.rand(1, 3, 16, 16), ["relu5_1"])["relu5_1"].shape == (1, 512, 1, 1)


def test_the_network_is_frozen_and_stays_in_evaluation_mode(vgg: LossNetwork) -> None:
    assert vgg.train(True) is vgg
    assert not any(module.training for module in vgg.modules())
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
    outer = torch.nn.Sequential(vgg).train()
    assert outer.training
    assert not vgg.training


def test_gradients_flow_to_the_image_and_agree_with_finite_differences(
    random_file: RandomFile,
) -> None:
    network = build(random_file("vgg19-distilled", until="conv31_aux")).double()
    image = torch.rand(1, 3, 9, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(1, 256, 2, 2, dtype=torch.float64)

    def energy(image: Tensor) -> Tensor:
        return (network(image, ["relu3_1"])["relu3_1"] * weight).sum()

    (gradient,) = torch.autograd.grad(energy(image), image)
    assert float(gradient.abs().min()) >= 0
    assert float(gradient.abs().max()) > 0
    direction = torch.randn_like(image)
    step = 1e-6
    with torch.no_grad():
        rise = energy(image + step * direction) - energy(image - step * direction)
    expected = float((gradient * direction).sum())
    assert float(rise) / (2 * step) == pytest.approx(expected, rel=1e-4)


def test_loading_draws_no_random_numbers(random_file: RandomFile) -> None:
    file = random_file("squeezenet1_1")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    build(file)
    assert torch.equal(torch.get_rng_state(), before)


def test_channels_last_gives_the_same_values_in_channels_last(
    vgg: StagedLossNetwork, distilled: StagedLossNetwork, image: Tensor
) -> None:
    for network in (vgg, distilled):
        layer = network.layer_names[2]
        plain = network(image, [layer])[layer]
        network.to(memory_format=torch.channels_last)
        other = network(image.contiguous(memory_format=torch.channels_last), [layer])[layer]
        assert other.is_contiguous(memory_format=torch.channels_last)
        assert relative_error(other, plain) < 1e-5
        network.to(memory_format=torch.contiguous_format)


def test_bfloat16_autocast_stays_close_and_carries_gradients(
    vgg: LossNetwork, distilled: LossNetwork, image: Tensor
) -> None:
    for network in (vgg, distilled):
        asked = image.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            # A transformation network hands over bfloat16 under autocast.
            found = network(asked.bfloat16(), network.layer_names)
        exact = network(image.bfloat16().float(), network.layer_names)
        for layer in network.layer_names:
            assert found[layer].dtype == torch.bfloat16
            assert relative_error(found[layer], exact[layer]) < 0.02
        found[network.layer_names[-1]].float().sum().backward()
        assert asked.grad is not None
        assert bool(asked.grad.isfinite().all())
        assert float(asked.grad.abs().max()) > 0


def test_reflection_padding_keeps_bfloat16_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        padded = pad_border(torch.rand(1, 1, 3, 3).bfloat16(), 1, "reflect")
    assert padded.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_network_works_in_the_precision_it_was_moved_to(
    random_file: RandomFile, image: Tensor, dtype: torch.dtype
) -> None:
    network = build(random_file("vgg16", until="features.5")).to(dtype)
    assert network(image, ["relu2_1"])["relu2_1"].dtype == dtype


@pytest.mark.parametrize("name", ["vgg19-distilled", "squeezenet1_1"])
def test_compile_takes_the_whole_network_without_a_graph_break(
    random_file: RandomFile, image: Tensor, name: str
) -> None:
    network = build(random_file(name))
    layers = [network.layer_names[0], network.layer_names[2]]
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    with torch.autocast("cpu", torch.bfloat16):
        found = compiled(image, layers)
        expected = network(image, layers)
    torch._dynamo.reset()
    for layer in layers:
        assert torch.equal(found[layer], expected[layer])


def test_folding_the_preprocessing_is_exact_up_to_the_border() -> None:
    generator = torch.Generator().manual_seed(4)
    image = torch.rand(1, 3, 7, 6, generator=generator, dtype=torch.float64)
    pre = torch.zeros(3, 3, 1, 1, dtype=torch.float64)
    for row, column in enumerate((2, 1, 0)):  # RGB -> BGR, 0..1 -> 0..255
        pre[row, column] = 255
    offset = -torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64)
    weight = torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    expected = torch.conv2d(pad_border(torch.conv2d(image, pre, offset), 1, "reflect"), weight)
    folded, mean = fold_preprocessing(weight, pre, offset)
    assert mean == pytest.approx((123.68 / 255, 116.779 / 255, 103.939 / 255))
    centred = image - torch.tensor(mean, dtype=torch.float64).reshape(1, 3, 1, 1)
    found = torch.conv2d(pad_border(centred, 1, "reflect"), folded.double())
    assert relative_error(found, expected) < 1e-6  # the folded weights are kept in float32
