import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradgradcheck

from impasto.networks.activations import relu

EXTREMES = (0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, float("inf"), -float("inf"), 1.5, -1.5)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_values_and_gradients_are_pytorchs_to_the_bit(
    dtype: torch.dtype, memory_format: torch.memory_format
) -> None:
    values = torch.randn(2, 8, 9, 7).flatten()
    values[: len(EXTREMES)] = torch.tensor(EXTREMES)
    features = values.reshape(2, 8, 9, 7).to(dtype).contiguous(memory_format=memory_format)
    incoming = torch.randn(2, 8, 9, 7).to(dtype)
    results = []
    for function in (relu, F.relu):
        leaf = features.clone().requires_grad_(True)
        output = function(leaf)
        (gradient,) = torch.autograd.grad(output, leaf, incoming)
        results.append((output.detach(), gradient))
    (ours, our_gradient), (theirs, their_gradient) = results
    assert torch.equal(ours, theirs)
    assert torch.equal(our_gradient, their_gradient)
    assert ours.dtype == our_gradient.dtype == dtype
    assert ours.is_contiguous(memory_format=memory_format)


def test_a_positive_nan_stays() -> None:
    features = torch.tensor([float("nan"), 1.0], dtype=torch.bfloat16)
    assert relu(features).isnan().tolist() == [True, False]


def test_second_derivatives_reach_through_the_gate() -> None:
    leaf = torch.tensor([-1.0, 2.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
    (gradient,) = torch.autograd.grad(relu(leaf).pow(3).sum(), leaf, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), leaf)
    assert second.tolist() == [0.0, 12.0, 18.0]  # 6 x where x > 0


def test_double_precision_is_differentiable_twice() -> None:
    leaf = torch.randn(12, dtype=torch.float64, requires_grad=True)
    assert gradgradcheck(relu, leaf)


def test_without_a_gradient_nothing_is_written_into_the_input() -> None:
    features = torch.randn(4, 4).to(torch.bfloat16)
    before = features.clone()
    with torch.inference_mode():
        assert torch.equal(relu(features), F.relu(before))
    assert torch.equal(features, before)


def test_a_compiler_sees_the_ordinary_one() -> None:
    compiled = torch.compile(relu, backend="eager", fullgraph=True)
    features = torch.randn(3, 5).to(torch.bfloat16)
    assert torch.equal(compiled(features), F.relu(features))
