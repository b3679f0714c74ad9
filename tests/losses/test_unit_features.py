"""The distance of feature directions against hand-computed angles and PyTorch's gradients."""

import math

import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import UnitFeatureLoss, unit_feature_loss


def _map(*vector: float) -> torch.Tensor:
    return torch.tensor(vector, dtype=torch.float64).reshape(1, -1, 1, 1).expand(1, -1, 3, 4)


@pytest.mark.parametrize("degrees", [0, 60, 90, 180])
def test_it_is_two_minus_two_cosines(degrees: float) -> None:
    angle = math.radians(degrees)
    loss = unit_feature_loss(_map(3.0, 0.0), _map(5 * math.cos(angle), 5 * math.sin(angle)))
    assert float(loss) == pytest.approx(2 - 2 * math.cos(angle), abs=1e-8)


def test_channel_weights_are_lpips_heads() -> None:
    """Unit vectors (1, 0) and (0, 1): each channel differs by 1."""
    loss = unit_feature_loss(_map(1.0, 0.0), _map(0.0, 1.0), torch.tensor([0.25, 3.0]))
    assert float(loss) == pytest.approx(3.25, abs=1e-8)


def test_the_gradient_is_right_and_finite_at_zero() -> None:
    features = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: unit_feature_loss(x, target), features)
    empty = torch.zeros(1, 3, 2, 2, requires_grad=True)
    unit_feature_loss(empty, target.float()).backward()
    assert empty.grad is not None
    assert torch.isfinite(empty.grad).all()


class _Brightness(torch.nn.Module):
    layer_names = ("one", "two")

    def forward(self, image: torch.Tensor, layers: list[str]) -> dict[str, torch.Tensor]:
        return {layer: image * (1 if layer == "one" else -1) for layer in layers}


def test_layers_are_weighted_and_the_target_gets_no_gradient() -> None:
    loss = UnitFeatureLoss(_Brightness(), {"one": 1.0, "two": 0.5})
    output = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    target = torch.tensor([0.0, 2.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    value = loss(output, target)
    assert float(value.detach()) == pytest.approx(3.0)
    value.backward()
    assert target.grad is None


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(OptionError, match="no layer 'three'"):
        UnitFeatureLoss(_Brightness(), ["three"])
