import pytest
import torch
import torch.nn.functional as F

from impasto.networks.normalization import InstanceNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_pytorchs_instance_norm_and_its_gradients(layout: torch.memory_format) -> None:
    norm = InstanceNorm(5).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    features = torch.randn(3, 5, 6, 7, dtype=torch.float64).contiguous(memory_format=layout)
    features.requires_grad_()
    got = norm(features)
    wanted = F.instance_norm(features, weight=norm.weight, bias=norm.bias, eps=1e-5)
    assert torch.allclose(got, wanted, rtol=0, atol=1e-12)
    probe = torch.randn_like(wanted)
    inputs = (features, norm.weight, norm.bias)
    for one, other in zip(
        torch.autograd.grad(got, inputs, probe),
        torch.autograd.grad(wanted, inputs, probe),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=0, atol=1e-10)


def test_each_channel_of_each_image_has_mean_0_and_variance_1() -> None:
    features = torch.randn(2, 3, 40, 50) * 7 + 3
    output = InstanceNorm(3)(features.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(output.mean((2, 3)), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(output.var((2, 3), correction=0), torch.ones(2, 3), atol=1e-3)


def test_train_and_eval_are_the_same_function() -> None:
    norm, features = InstanceNorm(3), torch.randn(2, 3, 8, 8)
    assert torch.equal(norm.train()(features), norm.eval()(features))


@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float32, 1e-4), (torch.bfloat16, 3e-2), (torch.float64, 1e-10)]
)
@pytest.mark.parametrize("offset", [0.5, 40.0])
def test_large_maps_on_a_cpu_are_normalised_as_in_float64(
    dtype: torch.dtype, close: float, offset: float
) -> None:
    """By batch norm's own sums float32 was off by 3e-3 here on one thread, 1e-3 on two."""
    norm = InstanceNorm(4)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    torch.manual_seed(0)
    features = (torch.randn(1, 4, 1100, 1900) + offset).to(dtype)
    wanted = F.instance_norm(
        features.double(), weight=norm.weight.double(), bias=norm.bias.double(), eps=1e-5
    )
    features = features.contiguous(memory_format=torch.channels_last)
    outputs = [norm.to(dtype)(features)]
    if dtype == torch.bfloat16:
        outputs.append(norm.float()(features))
    for output in outputs:
        assert output.is_contiguous(memory_format=torch.channels_last)
        assert output.dtype == dtype
        assert (output.double() - wanted).abs().max() < close


def test_large_maps_have_the_gradients_of_pytorchs_instance_norm() -> None:
    norm = InstanceNorm(3).double()
    torch.nn.init.normal_(norm.weight)
    features = torch.randn(2, 3, 300, 260, dtype=torch.float64)
    features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    got = norm(features)
    wanted = F.instance_norm(features, weight=norm.weight, bias=norm.bias, eps=1e-5)
    probe = torch.randn_like(wanted)
    inputs = (features, norm.weight, norm.bias)
    ours = torch.autograd.grad(got, inputs, probe, create_graph=True)
    theirs = torch.autograd.grad(wanted, inputs, probe, create_graph=True)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)
    for one, other in zip(
        torch.autograd.grad(ours[0].square().sum(), inputs[:2]),
        torch.autograd.grad(theirs[0].square().sum(), inputs[:2]),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
    of_sum = torch.func.grad(lambda x: (norm(x) * probe).sum())(features.detach())
    assert torch.allclose(of_sum, theirs[0], rtol=0, atol=1e-9)
