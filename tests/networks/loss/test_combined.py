"""Several networks behind one interface."""

from collections.abc import Callable

import pytest
import torch

from impasto.errors import OptionError
from impasto.networks.loss import CombinedLossNetwork
from impasto.networks.loss.architectures import plan_network
from impasto.networks.loss.network import Provenance, StagedLossNetwork
from impasto.networks.loss.weight_file import WeightFile

RandomFile = Callable[..., WeightFile]


def build(file: WeightFile, name: str, *, redistributable: bool = True) -> StagedLossNetwork:
    plan = plan_network(file, family="torchvision")
    provenance = Provenance(
        name=name,
        weights_hash=name,
        source=f"from {name}",
        license="MIT",
        redistributable=redistributable,
    )
    return StagedLossNetwork(plan.stages, plan.mean, provenance)


@pytest.fixture(scope="module")
def vgg(random_file: RandomFile) -> StagedLossNetwork:
    return build(random_file("vgg16", until="features.7"), "vgg16", redistributable=False)


@pytest.fixture(scope="module")
def distilled(random_file: RandomFile) -> StagedLossNetwork:
    return build(random_file("vgg19-distilled", until="conv31_aux"), "vgg19-distilled")


def test_a_layer_belongs_to_the_first_network_that_has_it(
    vgg: StagedLossNetwork, distilled: StagedLossNetwork
) -> None:
    both = CombinedLossNetwork([vgg, distilled])
    assert both.layer_names == ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")
    image = torch.rand(1, 3, 16, 16)
    asked = ["relu3_1", "relu2_1", "vgg19-distilled/relu2_1", "vgg16/relu1_2"]
    found = both(image, asked)
    assert list(found) == asked
    assert torch.equal(found["relu3_1"], distilled(image, ["relu3_1"])["relu3_1"])
    assert torch.equal(found["relu2_1"], vgg(image, ["relu2_1"])["relu2_1"])
    other = distilled(image, ["relu2_1"])["relu2_1"]
    assert torch.equal(found["vgg19-distilled/relu2_1"], other)
    assert torch.equal(found["vgg16/relu1_2"], vgg(image, ["relu1_2"])["relu1_2"])


def test_a_network_without_a_layer_asked_for_does_not_run(
    vgg: StagedLossNetwork, distilled: StagedLossNetwork
) -> None:
    ran: list[str] = []
    hooks = [
        network.register_forward_hook(lambda module, *_: ran.append(str(module.name)))
        for network in (vgg, distilled)
    ]
    CombinedLossNetwork([vgg, distilled])(torch.rand(1, 3, 8, 8), ["relu3_1"])
    for hook in hooks:
        hook.remove()
    assert ran == ["vgg19-distilled"]


def test_an_unknown_layer_is_answered_with_the_known_ones(
    vgg: StagedLossNetwork, distilled: StagedLossNetwork
) -> None:
    both = CombinedLossNetwork([vgg, distilled])
    for layer in ("relu5_1", "vgg19/relu1_1", "vgg16/relu3_1"):
        with pytest.raises(KeyError, match="choose from"):
            both(torch.rand(1, 3, 8, 8), [layer])


def test_the_combination_carries_all_provenance(
    vgg: StagedLossNetwork, distilled: StagedLossNetwork
) -> None:
    both = CombinedLossNetwork([vgg, distilled])
    turned = CombinedLossNetwork([distilled, vgg])
    assert both.name == "vgg16+vgg19-distilled"
    assert both.source == "from vgg16 + from vgg19-distilled"
    assert both.license == "MIT"
    assert not both.redistributable  # one of them is not
    assert len(both.weights_hash) == 64
    assert both.weights_hash != turned.weights_hash
    assert not any(parameter.requires_grad for parameter in both.parameters())
    assert not both.train().training


def test_two_networks_of_one_name_are_told_apart(vgg: StagedLossNetwork) -> None:
    both = CombinedLossNetwork([vgg, vgg])
    assert both.name == "vgg16+vgg16#2"
    assert "vgg16#2/relu1_1" in both(torch.rand(1, 3, 8, 8), ["vgg16#2/relu1_1"])


def test_a_combination_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match="at least one"):
        CombinedLossNetwork([])
